"""What FreeSWITCH's hang-up causes mean for an offer (facts 3, 18 and 21)."""

from __future__ import annotations

from fshunt.hunting.states import Outcome

CONNECTION_LOST = "SWITCH_LOST"
"""Not a cause of FreeSWITCH's: what we note for legs whose end we could not see."""

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
"""Causes that have a meaning of their own; all others mean that the phone could not be reached."""

SIP_OUTCOMES: dict[int, Outcome] = {486: Outcome.BUSY, 600: Outcome.BUSY, 603: Outcome.DECLINED, 607: Outcome.DECLINED}
"""Answers of a phone that say more than the cause (RFC 3261 section 21; 607: RFC 8197)."""

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


def outcome_of(cause: str, sip_code: int | None) -> Outcome:
    """Return the outcome that a leg's hang-up cause, and the SIP answer if there was one, mean."""
    if sip_code in SIP_OUTCOMES:
        return SIP_OUTCOMES[sip_code]
    return OUTCOMES.get(cause, Outcome.UNREACHABLE)


def detail_of(cause: str, sip_code: int | None) -> str | None:
    """Return in words what a cause and a SIP answer add to the outcome; None if they add nothing."""
    if sip_code in DETAILS:
        return DETAILS[sip_code]
    if cause == "NO_USER_RESPONSE":
        return "the phone did not respond"
    return None if cause in OUTCOMES else f"cause {cause}"
