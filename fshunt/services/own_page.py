"""What a member sees of the own place in groups: whether calls come, the own turn, and calls that were missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from fshunt.db.models import CallRecord
from fshunt.db.queries.call_search import missed_by, question_of
from fshunt.hunting.availability import MemberStatus
from fshunt.hunting.blocks import Block
from fshunt.hunting.group import Group, Member
from fshunt.services.forecast import next_caller
from fshunt.services.groups import GroupDetails, details_of
from fshunt.settings import Settings

MISSED_FOR = timedelta(days=14)
MAX_MISSED = 50


@dataclass(frozen=True, slots=True)
class OwnTurn:
    """A member's place in one group, and when the next caller would ring there if nobody picks up before.

    ``turn`` counts the stages in which a phone rings, from 1; None: the next caller does not ring this member.
    ``drawn``: the order is drawn for each call, so there is no turn. Phones that are on a call are not known here.
    """

    group: Group
    member: Member
    turn: int | None
    starts_after: float | None
    drawn: bool
    closed: bool


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A member's groups. ``block`` is that of all groups; those of single groups are in ``turns``.

    ``blocking`` are the groups that block a member after unanswered calls.
    """

    turns: tuple[OwnTurn, ...]
    block: Block | None = None
    missed: tuple[CallRecord, ...] = ()

    @property
    def blocking(self) -> list[Group]:
        """The groups that block a member who lets calls ring out."""
        return [turn.group for turn in self.turns if turn.group.auto_block is not None]


def own_page(s: Session, found: Sequence[Group], extension: str, settings: Settings, now: datetime) -> OwnPage:
    """Return what a member sees of these groups of one domain, in all of which the extension is a member."""
    if not found:
        return OwnPage(())
    turns = tuple(_turn(details, extension, settings, now) for details in details_of(s, found))
    asked = [question_of(s, group, since=now - MISSED_FOR) for group in found]
    missed = missed_by(s, asked, extension, MAX_MISSED)
    everywhere = (block for block in turns[0].member.blocks if not block.in_group)
    return OwnPage(turns, next(everywhere, None), tuple(missed))


def _turn(details: GroupDetails, extension: str, settings: Settings, now: datetime) -> OwnTurn:
    group = details.group
    me = next(member for member in group.members if member.extension == extension).at(now)
    statuses = {member.id: MemberStatus.of(member, now) for member in group.members}
    made = next_caller(details, statuses, now, settings)
    for turn, stage in enumerate(made.rings, 1):
        if any(member.id == me.id for member in stage.rings):
            return OwnTurn(group, me, turn, stage.starts_after, made.drawn, made.closed is not None)
    return OwnTurn(group, me, None, None, made.drawn, made.closed is not None)
