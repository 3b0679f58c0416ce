"""Changes as a person reads them: the names of fields and their values, before and after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fshunt.cli import late, output

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from fshunt.services.audit import Change

DONE = {"add": "added", "set": "set", "move": "moved", "remove": "removed"}
TELLING = ("name", "members", "position", "role", "reason", "until", "user", "scopes", "expires_at", "caller")
"""What is shown of something that was added or removed; the JSON has all."""


def made_in(session: Session) -> Change | None:
    """Return the change that was made in a transaction; None: it has changed nothing."""
    made = late.audit.last_change_id(session)
    return None if made is None else late.audit.get_change(session, made)


def print_differences(change: Change | None, done: str, unchanged: str) -> None:
    """Say what was done, and below it each field with its value before and after; or that nothing changed."""
    if change is None or change.after is None:
        output.say(f"Nothing has changed: {unchanged}.")
        return
    output.say(f"{done}:")
    for name, before, after in differences(change):
        output.say(f"  {name}: {before} -> {after}")


def differences(change: Change) -> list[tuple[str, str, str]]:
    """Return the fields that a change has changed, each with the words for its value before and after."""
    before, after = change.before or {}, change.after or {}
    return [(field_words(name), value_words(before.get(name)), value_words(value)) for name, value in after.items()]


def field_words(name: str) -> str:
    """The name of a field; a holiday, or the block of one group, has its own in it."""
    return name if name.startswith(late.audit.HOLIDAY) else name.replace("_", " ")


def value_words(value: Any) -> str:
    """A value of a change in words."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return block_words(value)
    if isinstance(value, list):
        return " ".join(each["extension"] if isinstance(each, Mapping) else str(each) for each in value) or "none"
    return _moment(value) if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def block_words(value: Mapping[str, Any]) -> str:
    """The block of one group."""
    until = value.get("until")
    return f"blocked until {_moment(until)}" if until else "blocked"


def _moment(text: str) -> str:
    """A time of the clock here, where the text is one."""
    if "T" not in text:
        return text
    try:
        return output.local(datetime.fromisoformat(text))
    except ValueError:
        return text


def who(change: Change) -> str:
    """Return who made a change, and by which entrance."""
    if change.entrance is late.audit.Entrance.DAEMON:
        return change.actor
    where = change.entrance.value.replace("-", " ")
    return f"{change.actor} ({', '.join(filter(None, (where, change.address)))})"


def what(change: Change) -> str:
    """Return what was changed."""
    of_group = f" of {change.pilot}" if change.pilot not in (None, change.key) else ""
    of_domain = f" of {change.domain}" if change.domain not in (None, change.key) and not of_group else ""
    return f"{change.subject.value} {change.key}{of_group}{of_domain} {DONE[change.action]}"


def values(change: Change) -> str:
    """Return the values of a change, before and after."""
    if change.before is not None and change.after is not None:
        return ", ".join(f"{name} {before} -> {after}" for name, before, after in differences(change))
    whole: Mapping[str, Any] = change.after or change.before or {}
    return ", ".join(f"{field_words(name)} {value_words(whole[name])}" for name in TELLING if whole.get(name))


def colon(words: str) -> str:
    """Return words behind a colon; of none nothing."""
    return f": {words}" if words else ""


def told(change: Change) -> str:
    """Return a change in one sentence: what was changed, to what, and who did it."""
    return f"{what(change)}{colon(values(change))}, by {who(change)}"
