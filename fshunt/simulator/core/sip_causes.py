"""Hang-up causes: what FreeSWITCH makes of a SIP answer, and what it calls the result of a bridge.

From FreeSWITCH's own tables (sofia_glue.c, switch_ivr_originate.c) as far as the simulator's phones can cause them.
"""

from __future__ import annotations

SUCCESS = "SUCCESS"
NORMAL_CLEARING = "NORMAL_CLEARING"
NO_ANSWER = "NO_ANSWER"
ALLOTTED_TIMEOUT = "ALLOTTED_TIMEOUT"
ORIGINATOR_CANCEL = "ORIGINATOR_CANCEL"
LOSE_RACE = "LOSE_RACE"
PICKED_OFF = "PICKED_OFF"
NO_PICKUP = "NO_PICKUP"
ATTENDED_TRANSFER = "ATTENDED_TRANSFER"
USER_NOT_REGISTERED = "USER_NOT_REGISTERED"
SUBSCRIBER_ABSENT = "SUBSCRIBER_ABSENT"
INVALID_GATEWAY = "INVALID_GATEWAY"
INVALID_PROFILE = "INVALID_PROFILE"
GATEWAY_DOWN = "GATEWAY_DOWN"
CHAN_NOT_IMPLEMENTED = "CHAN_NOT_IMPLEMENTED"
DESTINATION_OUT_OF_ORDER = "DESTINATION_OUT_OF_ORDER"

_SIP_CAUSES = {
    NORMAL_CLEARING: (200,),
    "CALL_REJECTED": (401, 402, 403, 407, 603, 608),
    "UNALLOCATED_NUMBER": (404,),
    "NO_ROUTE_DESTINATION": (485, 604),
    "RECOVERY_ON_TIMER_EXPIRE": (408, 504),
    "NUMBER_CHANGED": (410,),
    "NO_USER_RESPONSE": (480,),
    "REQUESTED_CHAN_UNAVAIL": (301, 302),
    "NORMAL_TEMPORARY_FAILURE": (400, 481, 500, 503),
    "USER_BUSY": (486, 600),
    "INVALID_NUMBER_FORMAT": (484,),
    "INCOMPATIBLE_DESTINATION": (488, 606),
    "NETWORK_OUT_OF_ORDER": (502,),
    "EXCHANGE_ROUTING_ERROR": (482, 483),
    ORIGINATOR_CANCEL: (487,),
}
_CAUSE_OF_CODE = {code: cause for cause, codes in _SIP_CAUSES.items() for code in codes}

_Q850 = {
    "UNALLOCATED_NUMBER": 1,
    "NO_ROUTE_DESTINATION": 3,
    NORMAL_CLEARING: 16,
    "USER_BUSY": 17,
    "NO_USER_RESPONSE": 18,
    NO_ANSWER: 19,
    "CALL_REJECTED": 21,
    "NUMBER_CHANGED": 22,
    DESTINATION_OUT_OF_ORDER: 27,
    "NETWORK_OUT_OF_ORDER": 38,
    "NORMAL_TEMPORARY_FAILURE": 41,
    "RECOVERY_ON_TIMER_EXPIRE": 102,
}

_DIALSTATUS = {
    "USER_BUSY": "BUSY",
    "CALL_REJECTED": "DONTCALL",
    NO_ANSWER: "NOANSWER",
    ORIGINATOR_CANCEL: "CANCEL",
    INVALID_PROFILE: "INVALIDARGS",
}

ALWAYS_CONTINUE = frozenset({NO_ANSWER, "NO_USER_RESPONSE", ORIGINATOR_CANCEL})
"""Causes after which a failed bridge leaves the caller alive without ``continue_on_fail`` (reference, 2.4)."""


def cause_of(sip_code: int) -> str:
    """The cause FreeSWITCH makes of a final SIP answer."""
    return _CAUSE_OF_CODE.get(sip_code, "NORMAL_UNSPECIFIED")


def q850_of(cause: str) -> int:
    """The Q.850 number of a cause; FreeSWITCH's own causes, above 127, go out as 16."""
    return _Q850.get(cause, 16)


def dialstatus_of(cause: str) -> str:
    """The DIALSTATUS that ``bridge`` leaves with a disposition: mostly the same word (reference, 2.4)."""
    return _DIALSTATUS.get(cause, cause)


def reason_header(cause: str) -> str:
    """The SIP Reason of the CANCEL or BYE a phone gets. The first keeps it from showing a missed call (fact 4)."""
    if cause == LOSE_RACE:
        return 'SIP;cause=200;text="Call completed elsewhere"'
    if cause == ORIGINATOR_CANCEL:
        return 'SIP;cause=487;text="ORIGINATOR_CANCEL"'
    if cause == ALLOTTED_TIMEOUT:
        return 'SIP;cause=802;text="ALLOTTED_TIMEOUT"'
    return f'Q.850;cause={q850_of(cause)};text="{cause}"'
