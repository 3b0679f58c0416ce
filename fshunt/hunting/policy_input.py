"""The facts on which the order of a hunt is decided, kept with the call so that it can be decided again later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from fshunt.hunting.group import Group
from fshunt.hunting.rotation import Memory


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What a policy may know of a member: id, extension (to be read by people), weight, and since when it is idle."""

    id: int
    extension: str
    weight: int = 1
    idle_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a policy may look at. Members in order of position; ``seed`` is drawn once a call."""

    policy: str
    members: tuple[MemberFacts, ...]
    answerer: Memory | None = None
    turn: Memory | None = None
    seed: int = 0

    @property
    def ids(self) -> tuple[int, ...]:
        """The members' ids in order of position."""
        return tuple(m.id for m in self.members)

    def with_turn(self, turn: Memory | None) -> Facts:
        """Return the same facts with another turn."""
        return replace(self, turn=turn)

    def to_json(self) -> dict[str, Any]:
        """Return the facts as plain values for the call's row."""
        return {
            "policy": self.policy,
            "members": [
                {
                    "id": m.id,
                    "extension": m.extension,
                    "weight": m.weight,
                    "idle_since": m.idle_since.astimezone(UTC).isoformat() if m.idle_since else None,
                }
                for m in self.members
            ],
            "answerer": _memory_to_json(self.answerer),
            "turn": _memory_to_json(self.turn),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Facts:
        """Read back what ``to_json`` gave; raise KeyError or ValueError if it is something else."""
        members = tuple(
            MemberFacts(
                id=m["id"],
                extension=m["extension"],
                weight=m["weight"],
                idle_since=datetime.fromisoformat(m["idle_since"]) if m["idle_since"] else None,
            )
            for m in data["members"]
        )
        return cls(
            policy=data["policy"],
            members=members,
            answerer=_memory_from_json(data["answerer"]),
            turn=_memory_from_json(data["turn"]),
            seed=data["seed"],
        )


def facts_of(group: Group, answerer: Memory | None, turn: Memory | None, seed: int) -> Facts:
    """Return the facts of a group as it is now."""
    members = tuple(MemberFacts(m.id, m.extension, m.weight, m.idle_since) for m in group.members)
    return Facts(group.policy, members, answerer, turn, seed)


def _memory_to_json(memory: Memory | None) -> dict[str, Any] | None:
    return None if memory is None else {"member_id": memory.member_id, "place": memory.place}


def _memory_from_json(data: dict[str, Any] | None) -> Memory | None:
    return None if data is None else Memory(data["member_id"], data["place"])
