"""Blocks of an extension as a person reads them: what a command has changed, group by group."""

from __future__ import annotations

from datetime import datetime

from fshunt.cli import output
from fshunt.hunting.blocks import Block, BlockState
from fshunt.services.moments import shown_until


def print_blocked(
    ext: str, domain: str, pilot: str | None, before: BlockState, after: BlockState, now: datetime
) -> None:
    """Say that an extension is blocked in a group, or in all (None), and what has changed in each of its groups."""
    in_all = pilot is None or after.everywhere is not None
    where = f"all groups of {domain}" if in_all else f"group {pilot} of {domain}"
    block = after.everywhere if in_all else after.groups[str(pilot)]
    _print(f"{ext} is blocked in {where}{_until(block, now)}", " already", before, after, now)


def print_unblocked(
    ext: str, domain: str, pilot: str | None, before: BlockState, after: BlockState, now: datetime
) -> None:
    """Say that an extension is not blocked in a group any more, or in none, and what has changed in each of them."""
    where = domain if pilot is None else f"group {pilot} of {domain}"
    done = f"{ext} is {'not' if after == before else 'no longer'} blocked in {where}"
    _print(done, "", before, after, now)


def _print(done: str, already: str, before: BlockState, after: BlockState, now: datetime) -> None:
    if after == before:
        output.say(f"Nothing has changed: {done}{already}.")
        return
    output.say(f"{done}:")
    for pilot in after.pilots:
        was, is_now = (_words(state.block_in(pilot), now) for state in (before, after))
        if was != is_now:
            output.say(f"  group {pilot}: {was} -> {is_now}")


def _words(block: Block | None, now: datetime) -> str:
    if block is None:
        return "not blocked"
    where = "in this group" if block.in_group else "in all groups"
    why = " after unanswered calls" if block.automatic else ""
    return f"blocked {where}{why}{_until(block, now)}"


def _until(block: Block | None, now: datetime) -> str:
    return "" if block is None or block.until is None else f" until {shown_until(block.until, now)}"
