"""PolicyInput made by hypothesis."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from fshunt.hunting.policies import POLICIES
from fshunt.hunting.policy_input import PolicyInput, PolicyMember
from fshunt.hunting.rotation import RotationPointer

MOMENTS = st.integers(1_577_836_800, 1_893_456_000).map(lambda second: datetime.fromtimestamp(second, UTC))
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def members(draw: st.DrawFn, most: int = 12) -> tuple[PolicyMember, ...]:
    """Members with different ids in any order of position."""
    ids = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=most, unique=True))
    return tuple(PolicyMember(i, str(1000 + i), draw(st.integers(0, 100)), draw(st.none() | MOMENTS)) for i in ids)


@st.composite
def policy_inputs(draw: st.DrawFn, policy: str | None = None) -> PolicyInput:
    """PolicyInput of a group whose pointers may be at a member, at a removed one, or unset."""
    group = draw(members())
    ids = [m.id for m in group] + [None, 5000]
    pointers = st.none() | st.builds(RotationPointer, st.sampled_from(ids), st.integers(1, len(group) + 1))
    return PolicyInput(
        policy or draw(st.sampled_from(sorted(POLICIES))), group, draw(pointers), draw(pointers), draw(SEEDS)
    )
