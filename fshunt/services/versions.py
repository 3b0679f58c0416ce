"""Versions of what people edit: two editors of one thing notice each other by them.

A version says which settings a group or a member has. What calls move (rotation, idle times, counts) and what the clock
moves (open or closed) is not in it: else nobody could save while calls come in.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from fshunt.hunting.group import Group, Member
from fshunt.hunting.limits import Limits, limit_values
from fshunt.services.audit import group_values, hours_values, member_values


def version_of_group(group: Group) -> str:
    """Return the version of a group, its members and their order included."""
    return _version({"id": group.id, **group_values(group), "hours": hours_values(group)})


def version_of_member(member: Member) -> str:
    """Return the version of a member of a group, its position included."""
    return _version({"id": member.id, **member_values(member)})


def version_of_limits(group: Group, limits: Limits) -> str:
    """Return the version of a group's limits; its settings are not in it."""
    return _version({"id": group.id, "limits": limit_values(limits)})


def _version(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]
