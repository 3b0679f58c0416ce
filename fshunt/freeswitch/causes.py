"""What the end of a leg means for its offer: FreeSWITCH's cause, the phone's SIP answer, and whether it had rung.

Facts 3, 18 and 21; design, section 4.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from fshunt.hunting.states import Outcome

CONNECTION_LOST = "SWITCH_LOST"
"""Not a cause of FreeSWITCH's: what we note for legs whose end we could not see."""

REFUSAL_SECONDS = 0.5
"""A phone that refuses so soon after it began to ring did so by itself; nobody is as quick. Later it is the person."""

OWN_TIMER_SECONDS = 12.0
"""A phone that gives up ringing with 480 before this time was refused by the person, later by its own timer."""

REFUSED = "SWITCH_LIMIT"
"""Not a cause of FreeSWITCH's either: it made no call to the phone, since it takes no more calls now (fact 43)."""

NOT_CREATED = "DESTINATION_OUT_OF_ORDER"
"""What a ``bridge`` ends with if the switch took no call to any phone; other causes say what is wrong with the phone
or gateway."""

OUTCOMES: dict[str, Outcome] = {
    "SUCCESS": Outcome.ANSWERED,
    "NONE": Outcome.ANSWERED,
    "NO_ANSWER": Outcome.NO_ANSWER,
    "ALLOTTED_TIMEOUT": Outcome.NO_ANSWER,
    "PROGRESS_TIMEOUT": Outcome.UNREACHABLE,
    "USER_BUSY": Outcome.BUSY,
    "CALL_REJECTED": Outcome.DECLINED,
    "USER_NOT_REGISTERED": Outcome.UNREGISTERED,
    "SUBSCRIBER_ABSENT": Outcome.UNREGISTERED,
    "LOSE_RACE": Outcome.ANSWERED_ELSEWHERE,
    "PICKED_OFF": Outcome.ANSWERED_ELSEWHERE,
    "ORIGINATOR_CANCEL": Outcome.CALLER_GONE,
    CONNECTION_LOST: Outcome.SWITCH_LOST,
}
"""Causes that have a meaning of their own; all others mean that the phone could not be reached. A phone's SIP answer
counts more than the cause that FreeSWITCH makes of it."""


@dataclass(frozen=True, slots=True)
class SipRule:
    """What these SIP answers mean of a phone that rang for ``rang_from`` to ``rang_until`` seconds.

    Without ``rang_from`` it need not have rung. ``phones_only``: not of a gateway, which speaks for itself.
    """

    codes: AbstractSet[int]
    outcome: Outcome
    rang_from: float | None = None
    rang_until: float = float("inf")
    phones_only: bool = False

    def holds(self, sip_code: int, external: bool, rang: float | None) -> bool:
        """Whether the rule says what this answer means."""
        if sip_code not in self.codes or (external and self.phones_only):
            return False
        return self.rang_from is None or (rang is not None and self.rang_from <= rang < self.rang_until)


SIP_RULES = (
    SipRule({486, 600, 603, 607}, Outcome.DECLINED, rang_from=REFUSAL_SECONDS),
    SipRule({486, 600}, Outcome.BUSY),
    SipRule({603, 607}, Outcome.DECLINED, phones_only=True),
    SipRule({480, 487}, Outcome.DECLINED, rang_from=0.0, rang_until=OWN_TIMER_SECONDS),
    SipRule({408, 480, 487}, Outcome.NO_ANSWER, rang_from=0.0),
)
"""The first rule that holds counts (RFC 3261 section 21; 607: RFC 8197). Any other answer says that the phone, or the
trunk, could not take the call: 403, 404, 410, 484, 488, 500, 502, 503, also 608 of a filter in between (RFC 8688)."""

SILENT = {
    "NO_USER_RESPONSE": "the phone did not respond",
    "PROGRESS_TIMEOUT": "the phone gave no sign of ringing in time",
}
"""Causes of phones that said nothing at all."""

CANCELLED = 487
"""A phone's answer to our own CANCEL, unless it is the cause of the end."""

FORWARDS = "the phone forwards its calls, which a hunt does not follow ({code})"
DETAILS: dict[int, str] = {
    301: FORWARDS.format(code=301),
    302: FORWARDS.format(code=302),
    480: "the phone says it cannot be reached: do not disturb, or logged off (480)",
    404: "the phone does not know this number (404)",
    408: "the phone did not respond (408)",
    488: "the phone cannot take this kind of call (488)",
    503: "the phone or gateway is out of service (503)",
}
"""Of phones that could not be reached."""


def outcome_of(cause: str, sip_code: int | None, *, external: bool = False, rang: float | None = None) -> Outcome:
    """Return what the end of a leg means: its cause, and the SIP answer if there was one.

    ``external``: the leg goes through a gateway. ``rang``: for how many seconds its phone rang; None: it did not.
    """
    if sip_code is None or (sip_code == CANCELLED and cause != "ORIGINATOR_CANCEL"):
        return OUTCOMES.get(cause, Outcome.UNREACHABLE)
    rules = (rule.outcome for rule in SIP_RULES if rule.holds(sip_code, external, rang))
    return next(rules, Outcome.UNREACHABLE)


def detail_of(cause: str, sip_code: int | None, outcome: Outcome, *, external: bool = False) -> str | None:
    """Return in words what a cause and a SIP answer add to the outcome; None if they add nothing."""
    if sip_code is not None and sip_code != CANCELLED:
        return _said(sip_code, outcome, external)
    if cause in SILENT:
        return SILENT[cause]
    return None if cause in OUTCOMES else f"cause {cause}"


def _said(sip_code: int, outcome: Outcome, external: bool) -> str | None:
    match outcome:
        case Outcome.UNREACHABLE if external:
            return f"the gateway refused the call ({sip_code})"
        case Outcome.UNREACHABLE:
            return DETAILS.get(sip_code, f"the phone cannot take the call ({sip_code})")
        case Outcome.NO_ANSWER:
            return f"the phone stopped ringing by itself ({sip_code})"
        case Outcome.DECLINED if sip_code not in (603, 607):
            return f"refused while it rang ({sip_code})"
    return None
