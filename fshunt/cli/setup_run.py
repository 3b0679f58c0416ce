"""The steps of `fshunt setup` one after the other: each is told, asked for, done, and looked at again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import click

from fshunt.cli import output
from fshunt.cli.setup_host import Host, login
from fshunt.db.queries.calls import list_calls_of_group, show_call
from fshunt.errors import FshuntError
from fshunt.process.run_as import as_root
from fshunt.services import call_story, serialize, setup_call
from fshunt.services.setup_apply import apply, password_now
from fshunt.services.setup_facts import Facts
from fshunt.services.setup_plan import State, Step, Wishes, called_group, plan

if TYPE_CHECKING:
    from fshunt.db.models import CallRecord

RECORD_SECONDS = 10.0
"""For the daemon to write the end of the call; it takes some hundredths of a second."""
LOOK_SECONDS = 0.2
CALL = "test-call"


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
            return Told(step, Outcome.SKIPPED, f"Not tried: it needs {' and '.join(missing)}.")
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
            self.record = self._call(facts)
            return Told(step, Outcome.DONE, f"The call to {self.record.pilot}: {call_story.result_words(self.record)}.")
        with as_root():
            notes = tuple(apply(step.actions, facts, self.host.hands()))
        after = plan(self.host.look(), self.wishes)[step.name]
        if after.state is State.DONE:
            return Told(step, Outcome.DONE, after.what, notes)
        return Told(step, Outcome.PROBLEM, after.what, notes)

    def _call(self, facts: Facts) -> CallRecord:
        group = called_group(facts, self.wishes)
        assert group is not None
        app = self.host.app()
        with app.store.reading() as session:
            before = {each.uuid for each in _calls(session, group.domain, group.pilot)}
        with login(facts.socket.address, password_now(facts)) as line:
            placed = setup_call.place(line, group, facts.dialplan.context)
            self.say(f"         Calling {group.pilot}. Pick up one of the phones; Ctrl-C ends the call.")
            try:
                over = setup_call.wait_until_over(line, placed, time.monotonic, setup_call.longest_seconds(group))
            except BaseException:
                setup_call.end(line, placed)
                raise
        if not over:
            raise FshuntError(f"The test call to {group.pilot} has not ended.")
        deadline = time.monotonic() + RECORD_SECONDS
        while time.monotonic() < deadline:
            with app.store.reading() as session:
                found = [each for each in _calls(session, group.domain, group.pilot) if each.uuid not in before]
                ended = [each for each in found if each.ended_at is not None]
                if ended:
                    return show_call(session, ended[0].uuid)[0]
            time.sleep(LOOK_SECONDS)
        raise FshuntError(
            f"The test call to {group.pilot} did not get to the daemon: FreeSWITCH's log says where it went; "
            "`fshunt config check` says what stands in its way."
        )

    def _tell(self, told: Told) -> None:
        self.told.append(told)
        colour = COLOURS.get(told.outcome)
        style: dict[str, Any] = {} if colour is None else {"fg": colour}
        self.say(f"{told.outcome.upper():7}  {told.step.name}: {told.sentence}", **style)
        for note in told.notes:
            self.say(f"         {note}")

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


def _calls(session: Any, domain: str, pilot: str) -> list[CallRecord]:
    found = list_calls_of_group(session, domain, pilot)
    return [each for each in found if each.caller_number == setup_call.CALLER]


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
        from fshunt.cli.confirm import at_terminal

        if not at_terminal():
            return False
        output.say(f"         {question}")
        return click.confirm("         Do it?", default=step.name != CALL, err=True)

    return ask
