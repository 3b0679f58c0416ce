"""Changes as a person reads them: the names of fields and their values, before and after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fshunt.cli import late, output

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from fshunt.services.audit import Change


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
    """The name of a field; a holiday has its own in it."""
    return name if name.startswith(late.audit.HOLIDAY) else name.replace("_", " ")


def value_words(value: Any) -> str:
    """A value of a change in words."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(each["extension"] if isinstance(each, Mapping) else str(each) for each in value) or "none"
    return _moment(value) if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def _moment(text: str) -> str:
    """A time of the clock here, where the text is one."""
    if "T" not in text:
        return text
    try:
        return output.local(datetime.fromisoformat(text))
    except ValueError:
        return text
