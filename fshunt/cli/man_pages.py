"""The man pages fshunt(1) and fshunt.toml(5), made from the commands and the settings."""

from __future__ import annotations

import click

from fshunt import __version__
from fshunt.cli.described import OptionText, commands, example, options, usage
from fshunt.cli.roff import bold, italic, item, paragraphs, section, subsection, text, title
from fshunt.cli.roff import example as typed
from fshunt.settings import ROWS
from fshunt.settings.described import TABLES, default_in_words, notes
from fshunt.settings.model import SettingRow

EXIT_STATUS = {
    "0": "The command did what it was asked to do.",
    "1": "It failed, or `status`, `config check` or `db check` found a problem.",
    "2": "Usage error: nothing was changed.",
    "130": "It was interrupted with Ctrl-C.",
    "141": "The reader of its output, such as head(1), has ended.",
}

VARIABLES = {
    "FSHUNT_CONFIG": "The settings file, if it is not /etc/fshunt/fshunt.toml.",
    "FSHUNT_NAME": "The setting of that name, over the file; see fshunt.toml(5).",
    "FSHUNT_DEBUG": "With `1`, an internal error prints its traceback.",
    "NO_COLOR": "With any value, output has no colour and no ruled tables.",
}

FILES = {
    "/etc/fshunt/fshunt.toml": "The settings; see fshunt.toml(5).",
    "/var/lib/fshunt/fshunt.db": "The SQLite database, where `database_url` names no other.",
    "/var/log/fshunt": "The place for the claim audit (`claim_audit_file`).",
}


def program_page(root: click.Command) -> str:
    """Return fshunt(1): every command below ``root``, with its options and an example."""
    parts = [
        title("fshunt", 1, __version__, "hunt groups for FreeSWITCH"),
        section("synopsis", f"{bold('fshunt')} {italic('COMMAND')} [{italic('OPTIONS')}]"),
        section("description", *paragraphs(root.help or "")),
        section("options", _options_of_all()),
        ".SH COMMANDS",
        *(_command(path, each) for path, each in commands(root, "fshunt") if not isinstance(each, click.Group)),
        section("exit status", *(item(bold(code), text(said)) for code, said in EXIT_STATUS.items())),
        section("environment", *(item(bold(name), text(said)) for name, said in VARIABLES.items())),
        section("files", *(item(italic(name), text(said)) for name, said in FILES.items())),
        section("see also", f"{bold('fshunt.toml')}(5), {bold('systemctl')}(1), {bold('fs_cli')}(1)"),
    ]
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"


def _options_of_all() -> str:
    of_all = {
        "--domain": ("D", "Domain to work on. Without it: `default_domain`, or the only domain of the database."),
        "--config": ("FILE", "Settings file. Without it: `$FSHUNT_CONFIG`, or /etc/fshunt/fshunt.toml."),
        "--help": ("", "Show what a command does, its options and an example."),
        "--version": ("", "Show the version. This one goes without a command."),
    }
    entries = [_option(OptionText((name,), value, said)) for name, (value, said) in of_all.items()]
    return "\n".join([text("Every command accepts these, before or after its name."), *entries])


def _command(path: str, command: click.Command) -> str:
    synopsis = " ".join([bold(path), *(italic(word) for word in usage(command))])
    return subsection(
        path,
        synopsis,
        ".PP",
        *paragraphs(command.help or ""),
        *(_option(option) for option in options(command)),
        typed(example(command)),
    )


def _option(option: OptionText) -> str:
    names = ", ".join(bold(name) for name in option.names)
    return item(f"{names} {italic(option.value)}" if option.value else names, text(option.help))


def settings_page() -> str:
    """Return fshunt.toml(5): every setting with its values, its default and what it does."""
    parts = [
        title("fshunt.toml", 5, __version__, "settings of fshunt"),
        section("synopsis", italic("/etc/fshunt/fshunt.toml")),
        section(
            "description",
            text(
                "A file in TOML. Each setting can also be an environment variable, which overrides the file; a list is "
                "separated by commas there, and an empty variable sets nothing. Unknown settings are errors. Tables "
                "such as `[[switch]]` must follow all other settings."
            ),
            ".PP",
            text(
                "`fshunt config check` shows all settings and the source of each, and tests them. `systemctl reload "
                "fshunt` has the daemon read them again; it logs which of the changed ones need a restart."
            ),
        ),
        ".SH SETTINGS",
        *(_setting(row) for row in ROWS.values()),
        section("see also", f"{bold('fshunt')}(1)"),
    ]
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"


def _setting(row: SettingRow) -> str:
    facts = [f"Value: {row.kind.words}.", f"Variable: `{row.variable}`."]
    facts += [] if row.name in TABLES else [f"Default: {default_in_words(row)}."]
    facts += [f"{note.capitalize()}." for note in notes(row)]
    lines = [item(bold(row.name), text(row.meaning)), ".br", text(" ".join(facts))]
    if row.name in TABLES:
        lines += [".RS", ".IP", ".nf", *(text(line) for line in (f"[[{row.name}]]", *TABLES[row.name])), ".fi", ".RE"]
    return "\n".join(lines)
