"""What becomes of a group's next caller if nobody picks up: for the command line, the pages and the REST interface."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fshunt.hunting.availability import MemberStatus
from fshunt.hunting.forecast import Forecast, forecast
from fshunt.hunting.group import Group
from fshunt.hunting.policy_input import policy_input_of
from fshunt.services.groups import GroupDetails
from fshunt.settings import Settings

_NO_SEED = 0
"""A draw that is not made: the forecast of a policy that draws says so, and names no order."""


def next_caller(
    details: GroupDetails, statuses: Mapping[int, MemberStatus], now: datetime, settings: Settings
) -> Forecast:
    """Return the way of the next caller of a group.

    ``statuses`` is what is known of its members (``GroupStates.statuses``). A caller who comes in at the same moment,
    or is queued already, comes first.
    """
    policy_input = policy_input_of(details.group, details.answerer, details.first, _NO_SEED)
    return forecast(
        details.group,
        policy_input,
        statuses,
        now,
        seconds_per_ring=settings.seconds_per_ring,
        wait_for_phone_seconds=settings.wait_for_phone_seconds,
    )


def forecast_json(made: Forecast, group: Group, queued: int) -> dict[str, Any]:
    """Return a forecast as plain values (docs/json.md, "next"); ``queued`` callers wait in the group's queue now."""
    return {
        "domain": group.domain,
        "pilot": group.pilot,
        "policy": group.policy,
        "drawn": made.drawn,
        "queued": queued,
        "waits": made.waits,
        "latest_seconds": made.latest_seconds,
        "case": made.case.value,
        "closed_by": None if made.closed is None else made.closed.why.value,
        "closed_by_holiday": None if made.closed is None else made.closed.holiday,
        "destination": str(made.destination),
        "stages": [
            {
                "cycle": stage.cycle,
                "stage": stage.number,
                "starts_after": stage.starts_after,
                "ring_seconds": stage.ring_seconds,
                "members": [member.extension for member in stage.rings],
            }
            for stage in made.rings
        ],
        "skips": [
            {
                "cycle": stage.cycle,
                "stage": stage.number,
                "position": each.member.position,
                "extension": each.member.extension,
                "reason": each.reason.value,
                "detail": each.detail,
            }
            for stage in made.stages
            for each in stage.skipped
        ],
    }
