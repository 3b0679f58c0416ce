"""What a simulated caller does, and how the call went."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SimulatedCaller:
    """What the caller does. Times are seconds."""

    give_up_after: float | None = None
    """Seconds from dialling until the caller hangs up, if nobody has answered."""
    talk_for: float | None = None
    """Seconds of a call with a member before the caller hangs up."""
    message_seconds: float | None = None
    """Seconds of speech to voicemail before the caller hangs up; None waits until voicemail ends."""


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

    def become(self, kind: str, who: str = "") -> None:
        """This is how the call goes, unless something else comes after it."""
        self.kind, self.who = kind, who

    def note_caller_left(self) -> None:
        """The caller has hung up."""
        self.by_caller = True

    def close(self, cause: str, seconds: float) -> None:
        """The call is over; one that nobody took, and whose caller did not leave, was rejected."""
        self.cause, self.seconds = cause, seconds
        if self.kind == "abandoned" and not self.by_caller:
            self.kind = "rejected"
