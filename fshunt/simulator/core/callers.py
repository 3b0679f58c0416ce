"""What a simulated caller does, and how his call went."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Caller:
    """What the caller does. Times are seconds."""

    give_up_after: float | None = None
    """When he hangs up, from dialling, if nobody has answered by then."""
    talk_for: float | None = None
    """How long he talks to a member before he hangs up himself."""
    message_seconds: float | None = None
    """How long he speaks to voicemail before he hangs up; None waits until voicemail ends."""


@dataclass(slots=True)
class Ending:
    """How a call went, as the switch saw it."""

    kind: str = "abandoned"
    """answered, voicemail, fallback-voicemail, transferred, picked up, rejected, abandoned or stuck."""
    who: str = ""
    """The extension that answered or picked up, the voicemail box, or the number transferred to."""
    cause: str = ""
    rang: list[str] = field(default_factory=list)
    """The extensions rung, in order; one for each phone."""
    seconds: float = 0.0
    by_caller: bool = False
