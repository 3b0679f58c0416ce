"""The forms of answers as JSON schemas. Their names are those of ``--json`` (docs/json.md), which a test compares.

What a group and a member have is made from the tables in ``hunting.group_fields``; bodies are made from the fields that
they are checked by. So the OpenAPI document says what the code does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fshunt.hunting.addresses import parse_member
from fshunt.hunting.availability import MemberState
from fshunt.hunting.callbacks import CallbackState
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import GROUP_FIELDS, MEMBER_FIELDS, Field, FieldKind, columns_of
from fshunt.hunting.hours import WEEKDAYS
from fshunt.hunting.states import Outcome, Result
from fshunt.notices.notice import Channel
from fshunt.services.audit import ChangeKind, Entrance, Subject
from fshunt.services.cluster_health import Code
from fshunt.services.serialize import SCHEMA
from fshunt.services.users import Role, Scope
from fshunt.web.api.bodies import AnyField, Body, Entries, Words, read_moment

Schema = dict[str, Any]

WHEN = "2026-03-31T07:00:00.000Z"
FLAG, WHOLE, SECONDS = {"type": "boolean"}, {"type": "integer"}, {"type": "number"}
OBJECT = {"type": "object", "additionalProperties": True}
TIME = {"type": "string", "format": "date-time", "examples": [WHEN]}


def text(example: str) -> Schema:
    """A text, such as this."""
    return {"type": "string", "examples": [example]}


def one_of(words: Iterable[str], example: str | None = None) -> Schema:
    """One of some words."""
    listed = [str(word) for word in words]
    return {"type": "string", "enum": listed, "examples": [example or listed[0]]}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | {"type": [schema["type"], "null"]} | enum


def null(schema: Schema) -> Schema:
    """The same or null, and null in the example."""
    return maybe(schema) | {"examples": [None]}


def many(form: str) -> Schema:
    """A list of values of a form."""
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{form}"}}


def words(example: str) -> Schema:
    """A list of texts."""
    return {"type": "array", "items": {"type": "string"}, "examples": [[example]]}


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _of_fields(fields: Mapping[str, Field], example: Group | Member) -> dict[str, Schema]:
    values = columns_of(example)
    return {name: shown_field(field) | {"examples": [values[name]]} for name, field in fields.items()}


def shown_field(field: Field) -> Schema:
    """Return the schema of a field in an answer, where it may be null if it is optional."""
    schema: Schema = {"type": field.kind.value, "title": field.label}
    return maybe(schema) if field.optional else schema


def field_of_body(field: AnyField) -> Schema:
    """Return the schema of a field in a body: what may be sent."""
    if isinstance(field, Entries):
        items = _object({name: field_of_body(each) for name, each in field.fields.items()})
        closed = items | {"required": list(field.required), "additionalProperties": False}
        return {"type": "array", "items": closed, "maxItems": field.max_items, "title": field.label}
    if isinstance(field, Words):
        items = {"enum": list(field.choices)} if field.choices else {"pattern": f"^{field.pattern}$"}
        listed: Schema = {"type": "array", "items": {"type": "string"} | items, "minItems": 1, "title": field.label}
        listed |= {"maxItems": field.max_items} if field.max_items else {}
        return maybe(listed) if field.optional else listed
    schema: Schema = {"type": field.kind.value, "title": field.label}
    choices = field.choices or tuple(field.completions or ())
    if choices:
        schema["enum"] = [str(word) for word in choices]
    if field.read is read_moment:
        schema["format"] = "date-time"
    if field.low is not None and field.high is not None:
        schema |= {"minimum": field.low, "maximum": field.high}
    return maybe(schema) if field.optional or field.clearable else schema


def body_schema(body: Body) -> Schema:
    """Return the schema of a body: no other fields are taken."""
    properties = {name: field_of_body(field) for name, field in body.fields.items()}
    schema = _object(properties) | {"required": list(body.required), "additionalProperties": False}
    return schema | {"minProperties": 1} if body.patch else schema


_PLACE = {"cycle": WHOLE, "stage": WHOLE, "position": WHOLE, "extension": text("1001")}
_BY_HAND = {"closed_by": null(text("holiday")), "closed_by_holiday": null(text("Christmas"))}
_CALL = {
    "uuid": text("3f2a9c41-7d1e"),
    "domain": text("pbx.example.com"),
    "pilot": text("5000"),
    "group_name": text("Sales"),
    "policy": text("circular"),
    "caller_number": maybe(text("+390115550199")),
    "caller_name": maybe(text("Ana Costa")),
    "started_at": TIME,
    "answered_at": maybe(TIME),
    "ended_at": maybe(TIME),
    "end_seen": FLAG,
    "waited_seconds": null(SECONDS),
    "result": maybe(one_of(Result)),
    "reason": null(text("Nobody answered.")),
    "answered_by": maybe(text("1001")),
    "destination": null(text("voicemail:1001")),
}
_MEMBER = {
    "position": WHOLE,
    **_of_fields(MEMBER_FIELDS, Member(id=0, position=1, address=parse_member("1001"))),
    "effective_ring_seconds": SECONDS,
    "blocked": FLAG,
    "blocked_in_group": FLAG,
    "auto_blocked": FLAG,
    "blocked_until": null(TIME),
    "unanswered_in_a_row": WHOLE,
    "idle_since": maybe(TIME),
}
_POINTER = {"member": maybe(text("1001")), "position": maybe(WHOLE)}
_CALL_STEPS = {"offers": many("offer"), "skips": many("skip"), "policy_input": maybe(OBJECT)}
_SINCE = {"since": null(TIME)}

FORMS: dict[str, Schema] = {
    "group": _object(
        {
            "domain": text("pbx.example.com"),
            **_of_fields(GROUP_FIELDS, Group(id=0, domain="pbx.example.com", pilot="5000", name="Sales")),
            "hours": many("interval"),
            "holidays": many("holiday"),
            "closed_since": null(TIME),
            "closed_until": null(TIME),
            "state": one_of(("open", "closed")),
            "state_until": null(TIME),
            **_BY_HAND,
            "effective_ring_seconds": SECONDS,
            "box": maybe(text("1001")),
            "members": many("member"),
            **{f"last_answered_{name}": schema for name, schema in _POINTER.items()},
            **{f"last_first_{name}": schema for name, schema in _POINTER.items()},
            "warnings": words("Group 5000 has no members: callers go straight to the 'unreachable' destination."),
        }
    ),
    "interval": _object({"day": one_of(WEEKDAYS), "opens": text("08:00"), "closes": text("12:00")}),
    "holiday": _object(
        {
            "first_day": text("2026-12-25"),
            "last_day": text("2026-12-26"),
            "name": text("Christmas"),
            "hours": text("closed"),
        }
    ),
    "now": _object(
        {
            "domain": text("pbx.example.com"),
            "pilot": text("5000"),
            "group_name": text("Sales"),
            "watched": FLAG,
            "queued": WHOLE,
            "queued_since": {"type": "array", "items": TIME, "examples": [[WHEN]]},
        }
    ),
    "beat": _object({"at": TIME, "age_seconds": maybe(SECONDS)}),
    "member": _object(_MEMBER),
    "member_now": _object(
        {
            **_MEMBER,
            "state": one_of(MemberState, MemberState.UNKNOWN),
            "state_since": null(TIME),
            "state_left": FLAG,
            "state_detail": null(text("directory")),
            "other_end": null(text("+390115550199")),
        }
    ),
    "next": _object(
        {
            "domain": text("pbx.example.com"),
            "pilot": text("5000"),
            "policy": text("circular"),
            "drawn": FLAG,
            "queued": WHOLE,
            "waits": FLAG,
            "latest_seconds": SECONDS,
            "case": text("nobody answered"),
            **_BY_HAND,
            "destination": text("voicemail:1001"),
            "stages": many("next_stage"),
            "skips": many("next_skip"),
        }
    ),
    "next_stage": _object(
        {"cycle": WHOLE, "stage": WHOLE, "starts_after": SECONDS, "ring_seconds": SECONDS, "members": words("1001")}
    ),
    "next_skip": _object({**_PLACE, "reason": text("blocked"), "detail": null(text("directory"))}),
    "block": _object(
        {
            "domain": text("pbx.example.com"),
            "extension": text("1001"),
            "blocked": FLAG,
            "blocked_until": null(TIME),
            "pilots": words("5000"),
            "groups": many("block_in_group"),
        }
    ),
    "block_in_group": _object(
        {"pilot": text("5000"), "blocked": FLAG, "blocked_in_group": FLAG, "blocked_until": null(TIME)}
    ),
    "call": _object(_CALL),
    "hunt": _object(_CALL | _CALL_STEPS),
    "whole_call": _object(_CALL | _CALL_STEPS | {"earlier": many("hunt")}),
    "offer": _object(
        {
            **_PLACE,
            "phones": WHOLE,
            "ring_seconds": SECONDS,
            "started_at": TIME,
            "ended_at": maybe(TIME),
            "outcome": maybe(one_of(Outcome)),
            "cause": maybe(text("NORMAL_CLEARING")),
            "sip_code": null(WHOLE),
            "detail": null(text("the daemon stopped while the phone rang")),
        }
    ),
    "skip": _object({**_PLACE, "reason": text("wrap-up"), "detail": null(text("directory")), "at": TIME}),
    "user": _object(
        {
            "name": text("omar"),
            "role": one_of(Role, Role.ADMIN),
            "domain": null(text("pbx.example.com")),
            "extension": null(text("1001")),
            "disabled": FLAG,
            "has_password": FLAG,
            "has_totp": FLAG,
            "time_zone": maybe(text("Europe/Rome")),
            "language": maybe(text("en")),
            "created_at": TIME,
            "groups": words("5000@pbx.example.com"),
        }
    ),
    "limits": _object(
        {
            "domain": text("pbx.example.com"),
            "pilot": text("5000"),
            "policies": maybe(words("regular")),
            "max_ring_seconds": maybe(SECONDS),
            "max_external_members": maybe(WHOLE),
            "gateways": maybe(words("carrier")),
            "transfers_to_pilots": FLAG,
        }
    ),
    "invitation": _object(
        {
            "user": text("omar"),
            "link": maybe({**text("https://fshunt.example.com/invitation/..."), "format": "uri"}),
            "expires_at": TIME,
        }
    ),
    "token": _object(
        {
            "id": WHOLE,
            "name": text("wallboard"),
            "user": text("ines"),
            "scopes": {"type": "array", "items": one_of(Scope)},
            "created_at": TIME,
            "expires_at": maybe(TIME),
            "used_at": null(TIME),
            "revoked_at": null(TIME),
            "secret": null(text("fsh_...")),
        }
    ),
    "board": _object(
        {
            "id": WHOLE,
            "name": text("Sales floor"),
            "domain": text("pbx.example.com"),
            "pilot": text("5000"),
            "created_at": TIME,
            "expires_at": null(TIME),
            "link": null({**text("https://fshunt.example.com/board/..."), "format": "uri"}),
        }
    ),
    "notice": _object(
        {
            "id": WHOLE,
            "domain": text("pbx.example.com"),
            "pilot": text("5000"),
            "channel": one_of(Channel, Channel.MAIL),
            "target": text("sales@example.com"),
            "events": words("missed"),
            "after_minutes": null(WHOLE),
            "digest_at": null(text("18:00")),
            "created_at": TIME,
            "last_sent_at": null(TIME),
            "waiting": WHOLE,
            "secret": null(text("whsec_...")),
        }
    ),
    "callback": _object(
        {
            "id": WHOLE,
            "domain": text("pbx.example.com"),
            "pilot": text("5000"),
            "number": text("1005"),
            "name": text("Ada"),
            "internal": FLAG,
            "call": text("3f2a9c41-7d1e"),
            "ticket": WHOLE,
            "requested_at": TIME,
            "tries": WHOLE,
            "state": one_of(CallbackState),
            "not_before": null(TIME),
        }
    ),
    "change": _object(
        {
            "id": WHOLE,
            "at": TIME,
            "actor": text("ines"),
            "entrance": one_of(Entrance, Entrance.API),
            "address": maybe(text("192.0.2.7")),
            "domain": maybe(text("pbx.example.com")),
            "pilot": maybe(text("5000")),
            "group_id": maybe(WHOLE),
            "subject": one_of(Subject),
            "key": text("5000"),
            "action": one_of(ChangeKind, ChangeKind.SET),
            "before": maybe(OBJECT) | {"examples": [{"name": "Sales"}]},
            "after": maybe(OBJECT) | {"examples": [{"name": "Sales and support"}]},
            "undoes": null(WHOLE),
            "undone_by": null(WHOLE),
        }
    ),
    "status": _object(
        {
            "ok": FLAG,
            "problems": many("finding"),
            "notes": many("finding"),
            **dict.fromkeys(
                ("hunts", "answered_calls", "queued", "callbacks", "claims", "left_queued", "left_claims"), WHOLE
            ),
            "failed_hunts": WHOLE,
            "groups": WHOLE,
            "database_id": maybe(text("5f0c1e9a72d4b386")),
            "daemons": many("daemon"),
            "switches": many("switch"),
            "queued_callers": many("queued_caller"),
            "left_callers": many("queued_caller"),
            "web_processes": many("web_process"),
            "errors": many("error"),
        }
    ),
    "finding": _object(
        {
            "code": one_of(Code),
            "message": text("No daemon runs on this database."),
            **dict.fromkeys(("node", "switch", "service"), null(text("pbx-8084"))),
            "domain": null(text("pbx.example.com")),
            "pilot": null(text("5000")),
            **_SINCE,
        }
    ),
    "web_process": _object(
        {
            "node": text("pbx"),
            "run_id": text("6c0d"),
            "alive": FLAG,
            "started_at": TIME,
            "heartbeat_at": TIME,
            "heartbeat_age": SECONDS,
            "version": text("0.2.0"),
            "listen": text("127.0.0.1:8090"),
        }
    ),
    "daemon": _object(
        {
            "node": text("pbx-8084"),
            "run_id": text("6c0d"),
            "alive": FLAG,
            "replaced": FLAG,
            "started_at": TIME,
            "heartbeat_at": TIME,
            "heartbeat_age": SECONDS,
            "version": maybe(text("0.2.0")),
            "pid": maybe(WHOLE),
            "listen": maybe(text("127.0.0.1:8084")),
            "http_listen": null(text("127.0.0.1:9084")),
            **dict.fromkeys(("hunts", "answered_calls", "queued", "taken_over_calls"), maybe(WHOLE)),
            "claims": WHOLE,
            "database_ok": maybe(FLAG),
            "database_since": null(TIME),
            "pending_writes": maybe(WHOLE),
            "database_error": null(text("database is locked")),
        }
    ),
    "switch": _object(
        {
            "name": maybe(text("pbx")),
            "node": text("pbx-8084"),
            "watched": FLAG,
            **_SINCE,
            "channels": maybe(WHOLE),
            "registrations": maybe(WHOLE),
            "heard_at": maybe(TIME),
            "error": null(text("connection refused")),
        }
    ),
    "queued_caller": _object(
        {
            "domain": text("pbx.example.com"),
            "pilot": maybe(text("5000")),
            "position": maybe(WHOLE),
            "since": TIME,
            "uuid": text("3f2a9c41-7d1e"),
            "members": words("1001"),
            "node": maybe(text("pbx-8084")),
        }
    ),
    "error": _object(
        {
            "node": text("pbx-8084"),
            "at": maybe(TIME),
            "level": maybe(text("WARNING")),
            "message": maybe(text("circuit breaker tripped")),
        }
    ),
    "problem": {
        "type": "object",
        "description": "Problem details (RFC 9457). `detail` is the sentence that the pages and commands say, too.",
        "properties": {
            "type": text("about:blank"),
            "title": text("Unprocessable Entity"),
            "status": WHOLE | {"examples": [422]},
            "detail": text("`cycles` must be from 1 to 100, not 0."),
            "code": text("bad-value"),
            "errors": {
                "type": "array",
                "description": "Of a body: each field that is wrong, with its sentence.",
                "items": _object({"field": text("cycles"), "detail": text("`cycles` must be from 1 to 100, not 0.")}),
            },
        },
        "required": ["type", "title", "status", "detail", "code"],
    },
}
"""Each form by its name in the OpenAPI document."""


def _document(warnings: bool = True, **parts: Schema) -> Schema:
    more = {"warnings": {"type": "array", "items": {"type": "string"}, "examples": [[]]}} if warnings else {}
    return _object({"schema": WHOLE | {"const": SCHEMA, "examples": [SCHEMA]}, **parts, **more})


def _ref(form: str) -> Schema:
    return {"$ref": f"#/components/schemas/{form}"}


EVENTS: dict[str, Schema] = {
    "now": _document(now=_ref("now"), members=many("member_now"), next=_ref("next")),
    "gone": _document(gone=_object({"domain": text("pbx.example.com"), "pilot": text("5000")})),
    "call": _document(call=_ref("call")),
    "beat": _document(warnings=False, beat=_ref("beat")),
    "trouble": _document(
        warnings=False, error=_object({"code": text("database"), "message": text("The database does not answer.")})
    ),
}
"""The data of each event of the stream, by its name."""

_EXAMPLES: dict[str, Any] = {FieldKind.FLAG.value: False, "integer": 1, "number": 18.0, "string": "", "object": {}}


def example_of(schema: Schema) -> Any:
    """Return an example of a schema; of a list of other forms, none or, where it has examples, these."""
    if "$ref" in schema:
        return example_of(FORMS[schema["$ref"].rpartition("/")[2]])
    if "examples" in schema:
        return schema["examples"][0]
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    if kind == "array":
        items = schema["items"]
        return [example_of(items)]
    if kind == "object" and "properties" in schema:
        return {name: example_of(each) for name, each in schema["properties"].items()}
    return _EXAMPLES[kind]
