"""Draws the diagram of a hunt's states from the table: `python docs/draw_states.py`."""

from __future__ import annotations

from fshunt.hunting.states import TRANSITIONS, HuntState


def draw() -> str:
    """Return the table as a Mermaid state diagram."""
    lines = [f"    {before} --> {now}: {event}" for (before, event), now in TRANSITIONS.items()]
    return "\n".join(
        ["stateDiagram-v2", f"    [*] --> {HuntState.SELECTING}", *lines, f"    {HuntState.ENDED} --> [*]"]
    )


if __name__ == "__main__":
    print(draw())
