"""The limits of a group: how far its administrator may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fshunt.hunting.limits import LIMIT_FIELDS, MAX_GATEWAYS, limits_of_json
from fshunt.hunting.policies import POLICIES
from fshunt.services import limits, rights
from fshunt.services.rights import Action
from fshunt.services.serialize import limits_json
from fshunt.services.versions import version_of_limits
from fshunt.web.api.answers import Answer
from fshunt.web.api.bodies import Body, Words
from fshunt.web.api.groups import ONE, locked_group
from fshunt.web.api.operations import Asked, operation

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from fshunt.hunting.group import Group

GATEWAY = "[A-Za-z0-9_.-]{1,64}"

LIMITS = Body(
    "limits_of_group",
    {
        **LIMIT_FIELDS,
        "policies": Words("policies", "Policies to choose from; null: all", tuple(POLICIES), optional=True),
        "gateways": Words(
            "gateways",
            "Gateways of external members; null: all",
            pattern=GATEWAY,
            max_items=MAX_GATEWAYS,
            optional=True,
        ),
    },
)


@operation("GET", f"{ONE}/limits", action=Action.SEE_GROUP, kind="limits", form="limits", versioned=True)
def show_limits(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Show how far the administrator of a group may go."""
    return _answer(asked, s, rights.group_for(s, asked.access, domain, pilot))


@operation(
    "PUT",
    f"{ONE}/limits",
    action=Action.CHANGE_LIMITS,
    body=LIMITS,
    example={"policies": ["regular", "circular"], "max_ring_seconds": 30, "max_external_members": 0},
    kind="limits",
    form="limits",
    versioned=True,
    match=True,
)
def set_limits(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Set all limits of a group; one that is left out is as by default, and null is no limit."""
    group = locked_group(s, asked.access, domain, pilot)
    asked.check_version(version_of_limits(group, limits.limits_of(s, group)))
    return _answer(asked, s, limits.set_limits(s, domain, pilot, limits_of_json(asked.values)))


def _answer(asked: Asked, s: Session, group: Group) -> Answer:
    found = limits.limits_of(s, group)
    warnings = limits.beyond_by_now(s, group, asked.settings.seconds_per_ring)
    return Answer(limits_json(group, found), warnings=warnings, version=version_of_limits(group, found))
