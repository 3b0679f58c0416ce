"""What one check of `config check` has found, and how it is told: problems first, then what is worth knowing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fshunt.cli import output

MARK_WIDTH = 9
"""Characters of the word before a sentence: PROBLEM, NOTE or OK."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check and its sentences. ``fine`` is told if there is no problem; each problem names what mends it."""

    name: str
    fine: str = ""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    @property
    def message(self) -> str:
        """All sentences."""
        return " ".join(filter(None, ["" if self.problems else self.fine, *self.problems, *self.notes]))

    def json(self) -> dict[str, Any]:
        """What a program reads of it."""
        return {
            "name": self.name,
            "ok": self.ok,
            "message": self.message,
            "problems": list(self.problems),
            "notes": list(self.notes),
        }


def passed(name: str, fine: str) -> Check:
    """A check without a problem."""
    return Check(name, fine)


def failed(name: str, problem: str) -> Check:
    """A check with one problem."""
    return Check(name, problems=(problem,))


def not_checked(name: str, why: str) -> Check:
    """A check that nobody could make: it is no problem, and not in order either."""
    return Check(name, notes=(f"Not checked: {why}.",))


def print_checks(checks: Sequence[Check]) -> None:
    """Print a line for each problem, then for each note, then for what is in order."""
    for mark, colour, sentences in (
        ("PROBLEM", "red", [(each.name, said) for each in checks for said in each.problems]),
        ("NOTE", "yellow", [(each.name, said) for each in checks for said in each.notes]),
        ("OK", "green", [(each.name, each.fine) for each in checks if each.ok and each.fine]),
    ):
        for name, said in sentences:
            output.say_wrapped(f"{mark:{MARK_WIDTH}}{name}: {said}", MARK_WIDTH, fg=colour)


def print_count(checks: Sequence[Check]) -> None:
    """Print how many problems and notes there are."""
    from fshunt.services.cluster_state import count

    problems, notes = (sum(len(getattr(each, what)) for each in checks) for what in ("problems", "notes"))
    words = [count(problems, "problem") if problems else "No problem", *([count(notes, "note")] if notes else [])]
    output.say(f"{', '.join(words)}.", fg="red" if problems else "green")
