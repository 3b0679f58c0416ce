"""The policy ``uniform``."""

from __future__ import annotations

from datetime import UTC, datetime

from fshunt.hunting.policy_input import PolicyInput, PolicyMember

_FOR_EVER = datetime.min.replace(tzinfo=UTC)


def uniform(policy_input: PolicyInput) -> tuple[tuple[int, ...], ...]:
    """The member idle longest first, one a stage; a member who was never called ranks first; ties: by position."""

    def idle_since(member: PolicyMember) -> datetime:
        return member.idle_since or _FOR_EVER

    return tuple((member.id,) for member in sorted(policy_input.members, key=idle_since))
