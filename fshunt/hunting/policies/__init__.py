"""The policies: one pure function in one file each, and one row each in this table (design, section 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from fshunt.errors import UsageError
from fshunt.hunting.policies.circular import circular
from fshunt.hunting.policies.regular import regular
from fshunt.hunting.policies.round_robin import round_robin
from fshunt.hunting.policies.simultaneous import simultaneous
from fshunt.hunting.policies.uniform import uniform
from fshunt.hunting.policies.weighted import weighted
from fshunt.hunting.policy_input import PolicyInput
from fshunt.hunting.rotation import RotationPointer
from fshunt.hunting.suggestions import or_nearest

Stages = tuple[tuple[int, ...], ...]
"""The stages of a hunt: the ids of the members rung together, stage after stage."""


class Remembers(StrEnum):
    """Which rotation pointer a policy uses."""

    NOTHING = "nothing"
    ANSWERER = "answerer"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule that decides the order of a hunt, and the rotation pointer that it uses.

    ``drawn``: the order is drawn anew for each call, so that nobody can tell it before.
    """

    name: str
    order: Callable[[PolicyInput], Stages]
    remembers: Remembers
    help: str
    drawn: bool = False


_TABLE = (
    Policy("regular", regular, Remembers.NOTHING, "from the first member down the list"),
    Policy(
        "circular", circular, Remembers.ANSWERER, "from the member after the one who last ANSWERED a call of this group"
    ),
    Policy(
        "round-robin",
        round_robin,
        Remembers.FIRST,
        "from the member after the one who was FIRST in the order of the previous call, whoever answered it",
    ),
    Policy(
        "simultaneous", simultaneous, Remembers.NOTHING, "all free members at once; the first to pick up gets the call"
    ),
    Policy("uniform", uniform, Remembers.NOTHING, "the member idle longest, by calls of this group"),
    Policy(
        "weighted",
        weighted,
        Remembers.NOTHING,
        "drawn by weight for each call; weight 0 only after all others",
        drawn=True,
    ),
)
POLICIES: dict[str, Policy] = {policy.name: policy for policy in _TABLE}


def policy_named(name: str) -> Policy:
    """Return the policy with this name; raise UsageError, naming the nearest, if there is none."""
    if name in POLICIES:
        return POLICIES[name]
    hint = or_nearest(name, list(POLICIES), f"use {', '.join(POLICIES)}.")
    raise UsageError(f"'{name}' is not a policy: {hint}")


def decide(policy_input: PolicyInput) -> Stages:
    """Return the stages: the same input always gives the same stages (invariant I7)."""
    return policy_named(policy_input.policy).order(policy_input) if policy_input.members else ()


def first_member(policy_input: PolicyInput, first: RotationPointer | None) -> int | None:
    """Return the member who comes first when ``first`` came first last time; None if there is no member."""
    stages = decide(policy_input.with_first(first))
    return stages[0][0] if stages else None
