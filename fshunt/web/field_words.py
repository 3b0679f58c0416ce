"""The words of the pages for the columns of groups and members: a label, and a hint where the label is not enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask_babel import lazy_gettext

if TYPE_CHECKING:
    from flask_babel.speaklater import LazyString


TO = "_to"
"""End of the name of the input that says where a destination leads."""


class FieldWords(NamedTuple):
    """What stands at an input."""

    label: LazyString
    hint: LazyString | None = None


FIELDS: dict[str, FieldWords] = {
    "pilot": FieldWords(lazy_gettext("Pilot")),
    "name": FieldWords(lazy_gettext("Name of the group")),
    "policy": FieldWords(lazy_gettext("Policy")),
    "rings": FieldWords(lazy_gettext("Each member rings for")),
    "ring_seconds": FieldWords(lazy_gettext("Ring time in seconds")),
    "voicemail": FieldWords(
        lazy_gettext("Voicemail of the group"), lazy_gettext("Empty: the voicemail of the last member.")
    ),
    "cycles": FieldWords(lazy_gettext("Times through the list"), lazy_gettext("For one call.")),
    "hunt_timeout": FieldWords(
        lazy_gettext("Give up after"), lazy_gettext("Seconds for the whole search, with the queue. Empty: no limit.")
    ),
    "prefix": FieldWords(lazy_gettext("Text before the caller's name"), lazy_gettext("On the members' phones.")),
    "music": FieldWords(
        lazy_gettext("Music instead of the ringing tone"),
        lazy_gettext("Such as local_stream://moh, or a sound file of the phone system. Empty: the ringing tone."),
    ),
    "call_waiting": FieldWords(lazy_gettext("Ring members who are on a call, too")),
    "wrap_up_seconds": FieldWords(
        lazy_gettext("Wrap-up time"), lazy_gettext("Seconds of rest for a member after a call of this group.")
    ),
    "when_busy": FieldWords(lazy_gettext("While all are busy")),
    "auto_block": FieldWords(
        lazy_gettext("Block after unanswered calls"),
        lazy_gettext("So many calls in a row. Empty: never. The last member who can ring is not blocked."),
    ),
    "on_no_answer": FieldWords(lazy_gettext("Nobody answers")),
    "on_busy": FieldWords(lazy_gettext("Everybody is busy")),
    "on_unreachable": FieldWords(lazy_gettext("Nobody can be reached")),
    "on_all": FieldWords(lazy_gettext("In all three cases")),
    "on_closed": FieldWords(lazy_gettext("The group is closed")),
    "transfer_context": FieldWords(
        lazy_gettext("Dialplan context of transfers"), lazy_gettext("Empty: as in the settings of the server.")
    ),
    "answer_first": FieldWords(
        lazy_gettext("Answer the call before it waits in the queue"),
        lazy_gettext("Carriers give up on a call that nobody answers for minutes."),
    ),
    "queue_limit": FieldWords(
        lazy_gettext("Longest queue"),
        lazy_gettext("Callers who wait at most; the next one counts as finding everybody busy. Empty: any number."),
    ),
    "announce_seconds": FieldWords(
        lazy_gettext("Tell position and waiting time"),
        lazy_gettext("Every so many seconds, to callers who were answered. Empty: never."),
    ),
    "voicemail_key": FieldWords(
        lazy_gettext("Key 1 leads from the queue to voicemail"), lazy_gettext("For callers who were answered.")
    ),
    "callback": FieldWords(
        lazy_gettext("Key 2 in the queue asks for a call back"),
        lazy_gettext("For callers who were answered, from extensions and the numbers that the system allows."),
    ),
    "caller_id_number": FieldWords(
        lazy_gettext("Number that external members see"), lazy_gettext("Empty: the gateway's.")
    ),
    "time_zone": FieldWords(lazy_gettext("Time zone")),
    "enabled": FieldWords(lazy_gettext("In service")),
    "extension": FieldWords(lazy_gettext("Member")),
    "weight": FieldWords(
        lazy_gettext("Weight"), lazy_gettext("0 to 100: how often the member comes first. 0: only after all others.")
    ),
    "confirm": FieldWords(lazy_gettext("Press 1 to take a call")),
    "position": FieldWords(lazy_gettext("Position")),
    "until": FieldWords(lazy_gettext("Until")),
    "reason": FieldWords(lazy_gettext("Reason")),
    "since": FieldWords(lazy_gettext("Since")),
    "hours": FieldWords(lazy_gettext("Business hours")),
    "policies": FieldWords(lazy_gettext("Policies to choose from")),
    "max_ring_seconds": FieldWords(lazy_gettext("Longest ring time in seconds")),
    "max_external_members": FieldWords(lazy_gettext("Most external members")),
    "gateways": FieldWords(lazy_gettext("Gateways of external members")),
    "transfers_to_pilots": FieldWords(lazy_gettext("Callers go on to pilots of the domain only")),
    "closed_since": FieldWords(lazy_gettext("Closed since")),
    "closed_until": FieldWords(lazy_gettext("Closed until")),
    "members": FieldWords(lazy_gettext("Members")),
    "order": FieldWords(lazy_gettext("Order of the members")),
    "role": FieldWords(lazy_gettext("Role")),
    "domain": FieldWords(lazy_gettext("Domain")),
    "disabled": FieldWords(lazy_gettext("Disabled")),
    "language": FieldWords(lazy_gettext("Language")),
    "password": FieldWords(lazy_gettext("Password")),
    "totp": FieldWords(lazy_gettext("One-time codes")),
    "recovery_codes": FieldWords(lazy_gettext("Recovery codes")),
    "groups": FieldWords(lazy_gettext("Groups")),
    "user": FieldWords(lazy_gettext("User")),
    "scopes": FieldWords(lazy_gettext("What it may do")),
    "expires_at": FieldWords(lazy_gettext("Expires")),
    "accepted": FieldWords(lazy_gettext("Accepted")),
    "caller": FieldWords(lazy_gettext("Caller")),
}
"""By the name of the column, or of the value in a change."""


def label(name: str) -> LazyString | str:
    """Return the label of a column or of its input; a name that has none, such as a holiday's, stays as it is."""
    column = name.removesuffix(TO)
    return FIELDS[column].label if column in FIELDS else name


def hint(name: str) -> LazyString | None:
    """Return the hint of a column."""
    return FIELDS[name].hint if name in FIELDS else None
