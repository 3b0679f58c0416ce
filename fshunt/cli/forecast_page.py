"""The page of `fshunt group next`: the way of the next caller of a group."""

from __future__ import annotations

from fshunt.cli import output
from fshunt.cli.group_page import destination_words
from fshunt.hunting.availability import words_of
from fshunt.hunting.forecast import Forecast, ForecastSkip, ForecastStage
from fshunt.hunting.group import Group
from fshunt.services.cluster_health import count


def print_forecast(made: Forecast, group: Group, queued: int) -> None:
    """Print who rings and who is skipped, in order, and where the caller ends."""
    output.say(f"The next caller of {group.pilot}, if nobody picks up:", bold=True)
    if made.drawn:
        output.say("The order is drawn by weight for each call; the members stand in the order of their weights.")
    if queued:
        output.say(f"{count(queued, 'caller')} in the queue of the group {'is' if queued == 1 else 'are'} first.")
    for stage in made.stages:
        for each in stage.skipped:
            output.say(f"{_after(stage.starts_after)}  {_skip_words(each)}")
        if stage.rings:
            output.say(f"{_after(stage.starts_after)}  {_ring_words(stage)}")
    where = destination_words(made.destination, group)
    if made.waits:
        output.say(
            f"{_after(made.stages[-1].starts_after + made.stages[-1].ring_seconds)}  waits for a member to be free"
        )
        where = f"at the latest {where}"
    why = f"{made.case}: {made.closed}" if made.closed else made.case
    output.say(f"{_after(made.latest_seconds)}  {where} ({why})")


def _after(seconds: float) -> str:
    return f"{seconds:>6g} s"


def _ring_words(stage: ForecastStage) -> str:
    who = " and ".join(member.extension for member in stage.rings)
    return f"{who} {'rings' if len(stage.rings) == 1 else 'ring'} for {stage.ring_seconds:g} s"


def _skip_words(skip: ForecastSkip) -> str:
    return f"{skip.member.extension} is skipped: {words_of(skip.reason, skip.detail)}"
