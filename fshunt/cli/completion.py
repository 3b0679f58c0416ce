"""Completion of words in zsh, also in one that has not loaded its own completion."""

from __future__ import annotations

from click.shell_completion import ZshComplete

REGISTER = "    compdef "
LOAD = "    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }\n"


class ZshWithCompinit(ZshComplete):
    """As click's, whose text needs `compdef`: that comes with `compinit`, which a plain zsh has not run."""

    name = "zsh"
    source_template = ZshComplete.source_template.replace(REGISTER, LOAD + REGISTER)
