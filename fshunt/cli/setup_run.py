"""The steps of `fshunt setup` one after the other: each is told, asked for, done, and looked at again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import click

from fshunt.cli import output
from fshunt.cli.confirm import at_terminal, listed
from fshunt.cli.setup_host import Host
from fshunt.cli.setup_test_call import place_test_call
from fshunt.errors import FshuntError
from fshunt.hunting.states import Result
from fshunt.process.run_as import as_root
from fshunt.services import call_story, serialize
from fshunt.services.setup_apply import apply
from fshunt.services.setup_facts import Facts
from fshunt.services.setup_group_steps import called_group
from fshunt.services.setup_plan import plan
from fshunt.services.setup_steps import State, Step, Wishes

if TYPE_CHECKING:
    from fshunt.db.models import CallRecord

CALL = "test-call"


INDENT_WIDTH = 9
INDENT = " " * INDENT_WIDTH


class Outcome(StrEnum):
    """What has become of a step."""

    ALREADY = "ok"
    DONE = "done"
    WOULD = "to do"
    LEFT = "left"
    SKIPPED = "skipped"
    PROBLEM = "problem"


COLOURS = {Outcome.ALREADY: "green", Outcome.DONE: "green", Outcome.PROBLEM: "red", Outcome.SKIPPED: "yellow"}
FAILURES = (Outcome.PROBLEM, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True)
class Told:
    """A step, what became of it, and the sentence that says so."""

    step: Step
    outcome: Outcome
    sentence: str
    notes: tuple[str, ...] = ()


@dataclass
class Runner:
    """Goes through the steps. ``ask`` answers whether to make a change; ``say`` prints a line, or nothing for JSON."""

    host: Host
    wishes: Wishes
    ask: Callable[[str, Step], bool]
    say: Callable[..., None]
    dry_run: bool
    told: list[Told] = field(default_factory=list)
    record: CallRecord | None = None

    def run(self) -> None:
        """Do all steps; a step that fails is told, and those that need it are not tried. Raises FshuntError."""
        facts = self.host.look()
        self._print_facts(facts)
        for name in plan(facts, self.wishes):
            step = plan(facts, self.wishes)[name]
            self._tell(self._take(step, facts))
            if self.told[-1].outcome is Outcome.DONE:
                facts = self.host.look()

    @property
    def ok(self) -> bool:
        """Whether nothing has failed."""
        return not any(each.outcome in FAILURES for each in self.told)

    def _take(self, step: Step, facts: Facts) -> Told:
        missing = self._missing(step)
        if missing and step.state is not State.DONE:
            return Told(step, Outcome.SKIPPED, f"Not tried: it needs {listed(missing)}.")
        if step.state is State.PROBLEM:
            return Told(step, Outcome.PROBLEM, step.what)
        if step.state is State.DONE:
            return Told(step, Outcome.ALREADY, step.what)
        if self.dry_run:
            return Told(step, Outcome.WOULD, _question(step))
        if not self.ask(_question(step), step):
            left = "Not placed: --test-call allows it." if step.name == CALL else "Left as it is."
            return Told(step, Outcome.LEFT, f"{step.what} {left}")
        try:
            return self._do(step, facts)
        except FshuntError as error:
            return Told(step, Outcome.PROBLEM, str(error))

    def _missing(self, step: Step) -> list[str]:
        bad = {each.step.name for each in self.told if each.outcome in (*FAILURES, Outcome.LEFT)}
        return [name for name in step.needs if name in bad]

    def _do(self, step: Step, facts: Facts) -> Told:
        if step.name == CALL:
            group = called_group(facts, self.wishes)
            assert group is not None
            self.record = place_test_call(self.host, facts, group, self.say)
            outcome = Outcome.PROBLEM if self.record.result == Result.FAILED else Outcome.DONE
            return Told(step, outcome, f"The call to {self.record.pilot}: {call_story.result_words(self.record)}.")
        with as_root():
            notes = tuple(apply(step.actions, facts, self.host.hands()))
        after = plan(self.host.look(), self.wishes)[step.name]
        if after.state is State.DONE:
            return Told(step, Outcome.DONE, after.what, notes)
        said = after.what if after.state is State.PROBLEM else f"{after.what} It is so after the change, too."
        return Told(step, Outcome.PROBLEM, said, notes)

    def _tell(self, told: Told) -> None:
        self.told.append(told)
        colour = COLOURS.get(told.outcome)
        style: dict[str, Any] = {} if colour is None else {"fg": colour}
        self._say(f"{told.outcome.upper():7}  {told.step.name}: {told.sentence}", **style)
        for note in told.notes:
            self._say(f"{INDENT}{note}")

    def _say(self, text: str, **style: Any) -> None:
        for line in output.wrapped(text, INDENT_WIDTH):
            self.say(line, **style)

    def _print_facts(self, facts: Facts) -> None:
        switch = facts.switch
        pairs = [("conf folder", str(facts.conf)), ("event socket", str(facts.socket.address))]
        if switch is not None:
            pairs += [
                ("version", switch.version or "unknown"),
                ("domains", ", ".join(_domains(facts)) or "none"),
                ("phones", _phones(facts) or "none registered"),
                ("calls now", "unknown" if switch.calls is None else str(switch.calls)),
            ]
        self.say("FreeSWITCH", bold=True)
        width = max(len(name) for name, _ in pairs)
        for name, value in pairs:
            self.say(f"{name.ljust(width)}  {value}")
        self.say()

    def json(self) -> dict[str, Any]:
        """What a program reads of it."""
        return {
            "conf": str(self.host.conf),
            "dry_run": self.dry_run,
            "steps": [
                {
                    "name": each.step.name,
                    "outcome": str(each.outcome),
                    "message": each.sentence,
                    "why": each.step.why or None,
                    "change": each.step.change or None,
                    "notes": list(each.notes),
                }
                for each in self.told
            ],
            "call": None if self.record is None else serialize.call_json(self.record),
        }


def _question(step: Step) -> str:
    return " ".join(part for part in (step.what, step.why, step.change) if part)


def _domains(facts: Facts) -> list[str]:
    assert facts.switch is not None
    found = {where for _, where in facts.switch.phones} | ({facts.switch.domain} if facts.switch.domain else set())
    return sorted(found)


def _phones(facts: Facts) -> str:
    assert facts.switch is not None
    shown = sorted(f"{user}@{where}" for user, where in facts.switch.phones)
    more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
    return f"{', '.join(shown[:8])}{more}"


def asker(yes: bool, test_call: bool) -> Callable[[str, Step], bool]:
    """Return what answers for the administrator, or asks: phones ring only if that is allowed by a word of its own."""

    def ask(question: str, step: Step) -> bool:
        if test_call if step.name == CALL else yes:
            return True
        if not at_terminal():
            return False
        output.say_wrapped(f"ASKS     {step.name}: {question}", INDENT_WIDTH)
        return click.confirm(f"{INDENT}Do it?", default=step.name != CALL, err=True)

    return ask
