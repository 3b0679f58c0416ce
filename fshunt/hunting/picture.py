"""Draws the diagram of a hunt's states from the table: ``python -m fshunt.hunting.picture``."""

from __future__ import annotations

from collections.abc import Mapping

from fshunt.hunting.states import TRANSITIONS, HuntEvent, HuntState

PICTURE = "fshunt.hunting.picture"


def draw(transitions: Mapping[tuple[HuntState, HuntEvent], HuntState]) -> str:
    """Return the table as a Mermaid state diagram."""
    lines = [f"    {before} --> {now}: {event}" for (before, event), now in transitions.items()]
    return "\n".join(
        ["stateDiagram-v2", f"    [*] --> {HuntState.SELECTING}", *lines, f"    {HuntState.ENDED} --> [*]"]
    )


if __name__ == "__main__":
    print(draw(TRANSITIONS))
