"""The input of a policy. It is stored with the call, so that the order can be explained later."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from fshunt.hunting.group import Group
from fshunt.hunting.rotation import RotationPointer

USED_OF_MEMBER = {"weighted": ("weight",), "uniform": ("idle_since",)}
USED_OF_GROUP = {"circular": ("answerer",), "round-robin": ("first",), "weighted": ("seed",)}
"""What a policy looks at besides the members' ids. Only that is stored with a call: groups have up to a hundred members
and years of calls."""


@dataclass(frozen=True, slots=True)
class PolicyMember:
    """A member as a policy sees it: id, extension (for people), weight, and since when it is idle."""

    id: int
    extension: str
    weight: int = 1
    idle_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class PolicyInput:
    """Everything a policy may use. Members in order of position; ``seed`` is drawn once a call."""

    policy: str
    members: tuple[PolicyMember, ...]
    answerer: RotationPointer | None = None
    first: RotationPointer | None = None
    seed: int = 0

    @property
    def ids(self) -> tuple[int, ...]:
        """The members' ids in order of position."""
        return tuple(m.id for m in self.members)

    def with_first(self, first: RotationPointer | None) -> PolicyInput:
        """Return the same input with another pointer ``first``."""
        return replace(self, first=first)

    def to_json(self) -> dict[str, Any]:
        """Return what the policy uses, and the members' extensions, as plain values for the call's row."""
        of_member, of_group = USED_OF_MEMBER.get(self.policy, ()), USED_OF_GROUP.get(self.policy, ())
        group = {
            "answerer": _pointer_to_json(self.answerer),
            "first": _pointer_to_json(self.first),
            "seed": self.seed,
        }
        return {
            "policy": self.policy,
            "members": [_member_to_json(member, of_member) for member in self.members],
            **{name: group[name] for name in of_group},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PolicyInput:
        """Read the output of ``to_json``, which gives the same order. Raise KeyError or ValueError for other JSON."""
        members = tuple(
            PolicyMember(
                id=m["id"],
                extension=m["extension"],
                weight=m.get("weight", 1),
                idle_since=datetime.fromisoformat(m["idle_since"]) if m.get("idle_since") else None,
            )
            for m in data["members"]
        )
        return cls(
            policy=data["policy"],
            members=members,
            answerer=_pointer_from_json(data.get("answerer")),
            first=_pointer_from_json(data.get("first")),
            seed=data.get("seed", 0),
        )


def policy_input_of(
    group: Group, answerer: RotationPointer | None, first: RotationPointer | None, seed: int
) -> PolicyInput:
    """Return the input for a group as it is now."""
    members = tuple(PolicyMember(m.id, m.extension, m.weight, m.idle_since) for m in group.members)
    return PolicyInput(group.policy, members, answerer, first, seed)


def _member_to_json(member: PolicyMember, used: Collection[str]) -> dict[str, Any]:
    known: dict[str, Any] = {"id": member.id, "extension": member.extension}
    if "weight" in used:
        known["weight"] = member.weight
    if "idle_since" in used:
        known["idle_since"] = member.idle_since.astimezone(UTC).isoformat() if member.idle_since else None
    return known


def _pointer_to_json(pointer: RotationPointer | None) -> dict[str, Any] | None:
    return None if pointer is None else {"member_id": pointer.member_id, "position": pointer.position}


def _pointer_from_json(data: dict[str, Any] | None) -> RotationPointer | None:
    return None if data is None else RotationPointer(data["member_id"], data["position"])
