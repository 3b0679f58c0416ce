"""The columns of a group and of a member, each described once.

The options of `fshunt group` and `fshunt member`, what is checked before a value is stored, rows, JSON, help and pages
are made from these tables. The typed models (``hunting.group`` and ``db.models``) are written by hand, and a test
compares them with the tables. A new column is: a migration, a line in each model, a field here, its use, its document.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from fshunt.errors import BadValue, UsageError
from fshunt.hunting import validation
from fshunt.hunting.addresses import MemberAddress, parse_member
from fshunt.hunting.destinations import GROUP_BOX, Destination, parse_destination
from fshunt.hunting.group import (
    MAX_AUTO_BLOCK,
    MAX_CYCLES,
    MAX_HUNT_TIMEOUT_SECONDS,
    MAX_QUEUE_LIMIT,
    MAX_WAIT_SECONDS,
    MAX_WEIGHT,
    MIN_ANNOUNCE_SECONDS,
    MIN_AUTO_BLOCK,
    MIN_WEIGHT,
    Group,
    Member,
    WhenBusy,
)
from fshunt.hunting.hours import check_zone
from fshunt.hunting.policies import POLICIES, policy_named
from fshunt.hunting.ringtime import MAX_RING_SECONDS, MAX_RINGS, MIN_RING_SECONDS, RingTime
from fshunt.hunting.suggestions import did_you_mean

MIN_HUNT_TIMEOUT_SECONDS = 1.0
MAX_WRAP_UP_SECONDS = 3600.0

MAX_SHOWN_DIGITS = 32

NONE = "none"
"""The word that clears a field, at the command line and in forms."""


class FieldKind(Enum):
    """What a value is in JSON. The value is also the JSON type in the documents."""

    TEXT = "string"
    WHOLE = "integer"
    SECONDS = "number"
    FLAG = "boolean"


_NOT_OF_KIND = {
    FieldKind.TEXT: "text",
    FieldKind.WHOLE: "a whole number",
    FieldKind.SECONDS: "a number of seconds",
    FieldKind.FLAG: "true or false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column: its name in JSON and in the table, and all that entrances need to know of it.

    ``attribute`` is its name in the typed model, ``option`` its name at the command line (None: a command of its own
    changes it). A value has three forms: text (command line, form), JSON (which the row holds, too), and that of the
    model; ``read`` makes the model's from JSON, ``show`` the other way. ``cleared`` is the model's value after `none`.
    """

    name: str
    kind: FieldKind
    label: str
    help: str
    attribute: str = ""
    option: str | None = None
    metavar: str = ""
    check: Callable[[Any], object] | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    completions: Mapping[str, str] | None = None
    optional: bool = False
    clearable: bool = False
    cleared: Any = None
    cleared_help: str = ""
    read: Callable[[Any], Any] = lambda value: value
    show: Callable[[Any], Any] = lambda value: value

    @property
    def in_model(self) -> str:
        """The name of the attribute of the typed model."""
        return self.attribute or self.name

    @property
    def cleared_json(self) -> Any:
        """The JSON value after the field was cleared."""
        return None if self.cleared is None else self.show(self.cleared)

    def clears(self, text: str) -> bool:
        """Tell whether the text is the word that clears the field."""
        return self.clearable and text == NONE

    def json_of_text(self, text: str, called: str | None = None) -> Any:
        """Return the JSON value of what a person wrote; raise BadValue. ``called`` is the field in the sentence."""
        if not text:
            raise BadValue(f"{called or self.name} must not be empty.")
        value = self._plain(text)
        self.of_json(value, called)
        return value

    def of_json(self, value: Any, called: str | None = None) -> Any:
        """Return the model's value of a JSON value; raise BadValue if it may not be stored."""
        if value is None and (self.optional or self.clearable):
            return self.cleared
        if not self._is_of_kind(value):
            raise BadValue(f"{_quoted(value)} is not {_NOT_OF_KIND[self.kind]}.")
        subject = called or f"`{self.name}`"
        if self.choices and value not in self.choices:
            hint = did_you_mean(str(value), self.choices)
            raise BadValue(f"{subject} must be one of {', '.join(self.choices)}, not {_quoted(value)}{hint}.")
        self._check_bounds(value, subject)
        made = self.read(value)
        if self.check is not None:
            self.check(made)
        return made

    def to_json(self, model: object) -> Any:
        """Return the field of a group or member as JSON and as its row hold it."""
        value = getattr(model, self.in_model)
        return None if value is None else self.show(value)

    def check_model(self, model: object) -> None:
        """Raise BadValue or UsageError if the model's value may not be stored."""
        value = self.to_json(model)
        if value is None and not self.optional:
            raise BadValue(f"`{self.name}` must have a value.")
        self.of_json(value)

    def _plain(self, text: str) -> Any:
        """The JSON value that a text means; the text itself where it means none, so that the check refuses it."""
        try:
            if self.kind is FieldKind.WHOLE:
                return int(text)
            if self.kind is FieldKind.SECONDS:
                return float(text)
        except ValueError:
            return text
        return {"true": True, "false": False}.get(text, text) if self.kind is FieldKind.FLAG else text

    def _is_of_kind(self, value: Any) -> bool:
        if self.kind is FieldKind.TEXT:
            return isinstance(value, str)
        if self.kind is FieldKind.FLAG or isinstance(value, bool):
            return self.kind is FieldKind.FLAG and isinstance(value, bool)
        if self.kind is FieldKind.WHOLE:
            return isinstance(value, int)
        return isinstance(value, (int, float)) and not math.isnan(value)

    def _check_bounds(self, value: Any, subject: str) -> None:
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            raise BadValue(f"{subject} must be from {self.low:g} to {self.high:g}, not {_in_short(value)}.")


def _in_short(number: float) -> str:
    """A number as a sentence has it; a whole one may be too large for a float."""
    text = str(number) if isinstance(number, int) else f"{number:g}"
    return text if len(text) <= MAX_SHOWN_DIGITS else text[:MAX_SHOWN_DIGITS] + "..."


def _quoted(value: object) -> str:
    return validation.shown(value) if isinstance(value, str) else repr(value)


def _ring_part(time: RingTime, part: str) -> Any:
    return getattr(time, part)


def _when_busy(word: str) -> WhenBusy:
    try:
        return WhenBusy(word)
    except ValueError:
        raise BadValue(f"`when_busy` must be one of {', '.join(WhenBusy)}, not {_quoted(word)}.") from None


_TAKES_AWAY = "`none` clears it."
_DESTINATION_FORMS = "voicemail:EXT, transfer:NUMBER or hangup:CAUSE"

_destination = partial(
    Field,
    kind=FieldKind.TEXT,
    metavar="DEST",
    read=parse_destination,
    show=str,
    clearable=True,
    cleared=GROUP_BOX,
    cleared_help="`none`: the group's box.",
)


def _caller_id_number(help_text: str) -> Field:
    return Field(
        name="caller_id_number",
        kind=FieldKind.TEXT,
        label="Caller ID number",
        help=help_text,
        option="--caller-id-number",
        metavar="NUMBER",
        check=validation.check_external_number,
        optional=True,
        clearable=True,
        cleared_help=_TAKES_AWAY,
    )


def _ring_fields(*, optional: bool) -> tuple[Field, Field]:
    """Return the two columns of a ring time: one of them has a value, or, where it is optional, none."""
    common: dict[str, Any] = {"attribute": "ring_time", "optional": True}
    whose = "Own ring time of the member" if optional else "Ring time"
    rings = Field(
        name="rings",
        kind=FieldKind.WHOLE,
        label=f"{whose} in rings",
        help="How long a phone rings, in rings (one ring is the setting `seconds_per_ring`, 6 seconds).",
        option="--rings",
        metavar="N",
        low=1,
        high=MAX_RINGS,
        read=lambda value: RingTime(rings=value),
        show=lambda time: _ring_part(time, "rings"),
        **common,
    )
    seconds = Field(
        name="ring_seconds",
        kind=FieldKind.SECONDS,
        label=f"{whose} in seconds",
        help="How long a phone rings, in seconds (instead of --rings).",
        option="--ring-seconds",
        metavar="SECONDS",
        low=MIN_RING_SECONDS,
        high=MAX_RING_SECONDS,
        read=lambda value: RingTime(seconds=value),
        show=lambda time: _ring_part(time, "seconds"),
        **common,
    )
    return rings, seconds


_GROUP_FIELDS = (
    Field(
        name="pilot",
        kind=FieldKind.TEXT,
        label="Pilot",
        help="The number that callers dial.",
        check=validation.check_pilot,
    ),
    Field(
        name="name",
        kind=FieldKind.TEXT,
        label="Name",
        help="Name of the group.",
        option="--name",
        metavar="NAME",
        # A group without a name is stored with an empty one.
        check=lambda value: value and validation.check_name(value),
        clearable=True,
        cleared="",
        cleared_help="`none` clears it; `None` is a name.",
    ),
    Field(
        name="policy",
        kind=FieldKind.TEXT,
        label="Policy",
        help=" ".join(["Order of ringing.", *(f"{row.name}: {row.help}." for row in POLICIES.values())]),
        option="--policy",
        metavar="POLICY",
        check=policy_named,
        completions={name: row.help for name, row in POLICIES.items()},
    ),
    *_ring_fields(optional=False),
    Field(
        name="voicemail",
        kind=FieldKind.TEXT,
        label="Voicemail box",
        help="Voicemail box of the group. Without one: the box of the last member.",
        option="--voicemail",
        metavar="EXT",
        check=validation.check_extension,
        optional=True,
        clearable=True,
        cleared_help=_TAKES_AWAY,
    ),
    Field(
        name="cycles",
        kind=FieldKind.WHOLE,
        label="Cycles",
        help="How often to go through the members for one call.",
        option="--cycles",
        metavar="N",
        low=1,
        high=MAX_CYCLES,
    ),
    Field(
        name="hunt_timeout",
        kind=FieldKind.SECONDS,
        label="Hunt timeout",
        help="Give up after this many seconds in all.",
        option="--hunt-timeout",
        metavar="SECONDS",
        low=MIN_HUNT_TIMEOUT_SECONDS,
        high=MAX_HUNT_TIMEOUT_SECONDS,
        optional=True,
        clearable=True,
        cleared_help=_TAKES_AWAY,
    ),
    Field(
        name="prefix",
        kind=FieldKind.TEXT,
        label="Prefix",
        help="Text before the caller's name on the members' phones.",
        option="--prefix",
        metavar="TEXT",
        check=validation.check_prefix,
        optional=True,
        clearable=True,
        cleared_help=_TAKES_AWAY,
    ),
    Field(
        name="music",
        kind=FieldKind.TEXT,
        label="Music",
        help=(
            "What the caller hears instead of ringing, such as local_stream://moh or /var/lib/sounds/music.wav. "
            "It goes on when the next member is rung; a tone_stream begins again."
        ),
        option="--music",
        metavar="SOURCE",
        check=validation.check_music,
        optional=True,
        clearable=True,
        cleared_help=_TAKES_AWAY,
    ),
    Field(
        name="call_waiting",
        kind=FieldKind.FLAG,
        label="Call waiting",
        help="Whether to ring members who are on a call, too.",
        option="--call-waiting",
    ),
    Field(
        name="wrap_up_seconds",
        kind=FieldKind.SECONDS,
        label="Wrap-up time",
        help="Wrap-up time: do not ring a member for this many seconds after a call from this group.",
        option="--wrap-up",
        metavar="SECONDS",
        low=0,
        high=MAX_WRAP_UP_SECONDS,
    ),
    Field(
        name="when_busy",
        kind=FieldKind.TEXT,
        label="When all are busy",
        help=(
            "What to do with a caller while all members are busy. overflow: go to the 'busy' destination. queue: wait "
            "for a member, first come, first served, until the hunt timeout "
            f"(without one: {MAX_WAIT_SECONDS:g} seconds)."
        ),
        option="--when-busy",
        metavar="|".join(WhenBusy),
        choices=tuple(each.value for each in WhenBusy),
        read=_when_busy,
        show=str,
    ),
    Field(
        name="auto_block",
        kind=FieldKind.WHOLE,
        label="Auto-block",
        help=(
            "Block a member after N unanswered calls in a row, until `fshunt member unblock`; never the last member "
            "who can be rung."
        ),
        option="--auto-block",
        metavar="N",
        low=MIN_AUTO_BLOCK,
        high=MAX_AUTO_BLOCK,
        optional=True,
        clearable=True,
        cleared_help=_TAKES_AWAY,
    ),
    _destination(
        name="on_no_answer",
        label="On no answer",
        help=f"Where the caller goes when nobody answered: {_DESTINATION_FORMS}.",
        option="--on-no-answer",
    ),
    _destination(
        name="on_busy",
        label="On busy",
        help=f"Where the caller goes when all members are busy: {_DESTINATION_FORMS}.",
        option="--on-busy",
    ),
    _destination(
        name="on_unreachable",
        label="On unreachable",
        help=f"Where the caller goes when all members are disabled, blocked or without a phone: {_DESTINATION_FORMS}.",
        option="--on-unreachable",
    ),
    _destination(
        name="on_closed",
        label="On closed",
        help=f"Where the caller goes while the group is closed: {_DESTINATION_FORMS}.",
        option="--on-closed",
    ),
    Field(
        name="transfer_context",
        kind=FieldKind.TEXT,
        label="Transfer context",
        help="Dialplan context of transfers. Without one: the setting `transfer_context`, else the caller's context.",
        option="--transfer-context",
        metavar="CONTEXT",
        check=validation.check_context,
        optional=True,
        clearable=True,
        cleared_help=_TAKES_AWAY,
    ),
    Field(
        name="answer_first",
        kind=FieldKind.FLAG,
        label="Answer first",
        help=(
            "Whether a caller is answered before waiting in the queue. Carriers give up on a call that stays "
            "unanswered for some minutes."
        ),
        option="--answer-first",
    ),
    Field(
        name="queue_limit",
        kind=FieldKind.WHOLE,
        label="Queue limit",
        help="How many callers wait in the queue at most; the next one goes to the 'busy' destination.",
        option="--queue-limit",
        metavar="N",
        low=1,
        high=MAX_QUEUE_LIMIT,
        optional=True,
        clearable=True,
        cleared_help=_TAKES_AWAY,
    ),
    Field(
        name="announce_seconds",
        kind=FieldKind.SECONDS,
        label="Announce every",
        help=(
            "Tell a queued caller the position and the expected wait, so often. It needs --answer-first, and the sound "
            "files on FreeSWITCH."
        ),
        option="--announce-every",
        metavar="SECONDS",
        low=MIN_ANNOUNCE_SECONDS,
        high=MAX_WAIT_SECONDS,
        optional=True,
        clearable=True,
        cleared_help=_TAKES_AWAY,
    ),
    Field(
        name="voicemail_key",
        kind=FieldKind.FLAG,
        label="Voicemail key",
        help="Whether a queued caller who presses 1 leaves the queue for the voicemail box. It needs --answer-first.",
        option="--voicemail-key",
    ),
    Field(
        name="callback",
        kind=FieldKind.FLAG,
        label="Call back",
        help=(
            "Whether a queued caller who presses 2 is called back and keeps the place: extensions that have logged in, "
            "and the numbers of the setting callback_allowed. It needs --answer-first, and a [[switch]]."
        ),
        option="--callback",
    ),
    _caller_id_number("The group's number that external members see. Without one: the gateway's."),
    Field(
        name="time_zone",
        kind=FieldKind.TEXT,
        label="Time zone",
        help="Time zone of the group's business hours and holidays, such as Europe/Rome.",
        option="--time-zone",
        metavar="ZONE",
        check=check_zone,
        optional=True,
        clearable=True,
        cleared_help=_TAKES_AWAY,
    ),
    Field(
        name="enabled",
        kind=FieldKind.FLAG,
        label="Enabled",
        help="Whether the group rings anybody.",
    ),
)

_MEMBER_FIELDS = (
    Field(
        name="extension",
        kind=FieldKind.TEXT,
        label="Member",
        help="Extension of the domain, or an external number with its gateway, such as +14155550123@carrier.",
        attribute="address",
        check=MemberAddress.check,
        read=parse_member,
        show=str,
    ),
    *_ring_fields(optional=True),
    Field(
        name="weight",
        kind=FieldKind.WHOLE,
        label="Weight",
        help="Share of first calls under the policy `weighted`, 0 to 100; 0 rings only after all others.",
        option="--weight",
        metavar="N",
        low=MIN_WEIGHT,
        high=MAX_WEIGHT,
    ),
    Field(
        name="confirm",
        kind=FieldKind.FLAG,
        label="Press 1",
        help="Whether the member must press 1 to take a call. External members must, unless --no-confirm is given.",
        option="--confirm",
    ),
    _caller_id_number("The number that this external member sees. Without one: the group's, else the gateway's."),
    Field(
        name="enabled",
        kind=FieldKind.FLAG,
        label="Enabled",
        help="Whether the group rings this member.",
    ),
)

GROUP_FIELDS: dict[str, Field] = {field.name: field for field in _GROUP_FIELDS}
"""The settings of a group, by name, in the order in which they are shown."""

MEMBER_FIELDS: dict[str, Field] = {field.name: field for field in _MEMBER_FIELDS}
"""The settings of a member, but for its position, which follows from the order of the members."""


def columns_of(model: Group | Member) -> dict[str, Any]:
    """Return the settings of a group or member by column: as its row holds them, and as JSON has them."""
    return {field.name: field.to_json(model) for field in _fields_of(model).values()}


def model_values(fields: Mapping[str, Field], columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of the typed model that columns hold; raise BadValue or UsageError.

    ``columns`` may be some of them: those that are to be changed. A ring time is one attribute and two columns.
    """
    rings, seconds = columns.get("rings"), columns.get("ring_seconds")
    if rings is not None and seconds is not None:
        raise UsageError("Use only one of `rings` and `ring_seconds`.")
    made = {}
    for name, value in columns.items():
        field = fields[name]
        if field.in_model != "ring_time":
            made[field.in_model] = field.of_json(value)
        elif value is not None or (rings is None and seconds is None):
            made["ring_time"] = field.of_json(value)
    return made


def stored_values(fields: Mapping[str, Field], row: object, prefix: str = "") -> dict[str, Any]:
    """Return the attributes of the typed model that a row holds, its columns being named with a prefix.

    This is on the way of each call: only what has another form in the model is checked again here. Raises BadValue.
    """
    made: dict[str, Any] = {}
    for name, field in fields.items():
        value = getattr(row, prefix + name)
        if value is not None:
            made[field.in_model] = field.read(value)
        else:
            made.setdefault(field.in_model, field.cleared)
    return made


def check_stored(model: Group | Member) -> None:
    """Raise BadValue or UsageError if a setting of the group or member may not be stored (design, section 9)."""
    for field in _fields_of(model).values():
        field.check_model(model)


def options(fields: Iterable[Field]) -> list[Field]:
    """Return the fields that have an option at the command line."""
    return [field for field in fields if field.option is not None]


def check_destinations(group: Group) -> None:
    """Raise UsageError if a destination leads back to the group."""
    for destination in group.destinations:
        if destination == Destination(destination.kind.TRANSFER, group.pilot):
            raise UsageError(f"{group.pilot} cannot transfer to {group.pilot}: its callers would go round in circles.")


def _fields_of(model: Group | Member) -> dict[str, Field]:
    return GROUP_FIELDS if isinstance(model, Group) else MEMBER_FIELDS
