"""What the settings say of themselves, for the documents and the settings file that are made from the code."""

from __future__ import annotations

import json
import textwrap

from fshunt.settings.model import ROWS, SettingRow

EXAMPLE_NODE = "pbx-8084"
"""`node_name` of a host named pbx: the true default is another on each host."""

TABLES = {
    "switch": (
        'host = "127.0.0.1"',
        "port = 8021",
        'password_file = "/etc/fshunt/event_socket"',
        'dial = "sofia/internal/{user}@10.0.0.2:5060"',
    ),
    "gateway": (
        'name = "carrier"',
        'caller_id_number = "+14155559999"',
        'caller_in = "name"',
        "inband_dtmf = false",
    ),
}
"""Settings that are tables of the file, each with an example: tables have no defaults."""

EMPTY = '""'
"""What a file has for a setting that is not set."""

WIDTH = 100
"""Of the comments of the settings file."""

HEAD = """\
# The settings of fshunt; fshunt.toml(5) has the same list. Each line that begins with `#` and a name shows a default,
# or an example where it says so; to change one, remove the `#`. Unknown settings are errors. `fshunt config check`
# shows what fshunt reads here and from the environment, and tests it; `systemctl reload fshunt` has the daemon read it
# again.
"""


def default_of(row: SettingRow) -> list[object]:
    """Return the values of the default as JSON has them; an empty list: it is not set."""
    if row.name == "node_name":
        return [EXAMPLE_NODE]
    if row.name == "controllers":
        return [str(ROWS["listen"].default())]
    shown = row.kind.show(row.default())
    if shown is None:
        return []
    return shown if isinstance(shown, list) else [shown]


def default_in_words(row: SettingRow) -> str:
    """Return the default as a page shows it, values between backticks."""
    values = ", ".join(f"`{_plain(value)}`" for value in default_of(row)) or "not set"
    if row.name == "node_name":
        return f"the host's name and the port of `listen`, such as {values}"
    return f"`listen`, as shipped {values}" if row.name == "controllers" else values


def notes(row: SettingRow) -> list[str]:
    """Return what a change of the setting needs, besides a reload."""
    said = ["a change needs a restart of `fshunt web`"] if row.web else []
    return said + (["a change needs a restart"] if row.restart else [])


def settings_file() -> str:
    """Return a settings file that sets nothing and describes each setting, with its default as a comment."""
    parts = [HEAD]
    parts += [_lines(row, _assignment(row)) for row in ROWS.values() if row.name not in TABLES]
    parts += ["# Tables must follow all other settings.\n"]
    parts += [_lines(ROWS[name], [f"[[{name}]]", *keys]) for name, keys in TABLES.items()]
    return "\n".join(parts)


def _lines(row: SettingRow, values: list[str]) -> str:
    ends = [*(f"{note.capitalize()}." for note in notes(row)), *(["An example:"] if row.name in TABLES else [])]
    said = [row.meaning, " ".join([f"Value: {row.kind.words}.", *ends])]
    comments = [f"# {line}" for text in said for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False)]
    return "\n".join([*comments, *(f"#{line}" for line in values), ""])


def _assignment(row: SettingRow) -> list[str]:
    values = default_of(row)
    written = [_plain(value) if isinstance(value, float) else json.dumps(value) for value in values]
    if isinstance(row.kind.show(row.default()), list):
        return [f"{row.name} = [{', '.join(written)}]"]
    return [f"{row.name} = {written[0] if written else EMPTY}"]


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
