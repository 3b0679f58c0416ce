"""What programs read: each kind of thing as plain JSON values, under the names that docs/json.md lists.

The command line's `--json` and other entrances use the same forms. Names are flat, times are UTC in one form, and a
name once given keeps its meaning: what would break a reader raises ``SCHEMA``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fshunt.db.models import CallRecord, OfferRecord, SkipRecord
from fshunt.db.queries.callbacks import Request
from fshunt.hunting.blocks import Block, BlockState
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import columns_of
from fshunt.hunting.hours import WEEKDAYS, Holiday
from fshunt.hunting.hours_text import show_end, show_intervals, show_minute
from fshunt.hunting.limits import Limits, limit_values
from fshunt.hunting.rotation import RotationPointer
from fshunt.services import hours
from fshunt.services.cluster_health import ClusterHealth, DaemonNow, Finding, WebProcessNow, moment
from fshunt.services.notices import notice_values

if TYPE_CHECKING:
    from sqlalchemy import Row

    from fshunt.db.queries.notice_deliveries import Delivery
    from fshunt.db.queries.notices import StoredNotice
    from fshunt.db.queries.queue import QueuedHunt
    from fshunt.services.accounts import Invitation
    from fshunt.services.audit import Change
    from fshunt.services.boards import Board
    from fshunt.services.domains import DomainRow
    from fshunt.services.events import Event
    from fshunt.services.groups import GroupDetails
    from fshunt.services.hours import Imported
    from fshunt.services.member_states import StateOfMember
    from fshunt.services.users import Token, User

SCHEMA = 1
"""The version of all forms below. It grows when a name goes or changes its meaning, not when one is added."""

CALL_KEYS = (
    "uuid",
    "domain",
    "pilot",
    "group_name",
    "policy",
    "caller_number",
    "caller_name",
    "started_at",
    "answered_at",
    "ended_at",
    "end_seen",
    "waited_seconds",
    "result",
    "reason",
    "answered_by",
    "destination",
)
OFFER_KEYS = (
    "cycle",
    "stage",
    "position",
    "extension",
    "phones",
    "ring_seconds",
    "started_at",
    "ended_at",
    "outcome",
    "cause",
    "sip_code",
    "detail",
)
SKIP_KEYS = ("cycle", "stage", "position", "extension", "reason", "detail", "at")


def document(kind: str, value: object, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a command or a request answers: the schema, one thing or list under its kind, and warnings."""
    return {"schema": SCHEMA, kind: value, "warnings": list(warnings)}


def error_document(code: str, message: str) -> dict[str, Any]:
    """Return what stands in place of a document when something failed."""
    return {"schema": SCHEMA, "error": {"code": code, "message": message}}


def utc(at: datetime | None) -> str | None:
    """Return a time in UTC: ``2026-03-31T07:00:00.000Z``, always of this length."""
    if at is None:
        return None
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def group_json(details: GroupDetails, seconds_per_ring: float, now: datetime | None = None) -> dict[str, Any]:
    """Return a group with its members, as it is ``now``; times in seconds."""
    group, now = details.group, now or datetime.now(UTC)
    settings = columns_of(group)
    return {
        "domain": group.domain,
        **settings,
        **hours_json(group, now),
        "effective_ring_seconds": group.ring_time.in_seconds(seconds_per_ring),
        "box": group.box(),
        "members": [member_json(member, group, seconds_per_ring) for member in group.members],
        **_pointer_json("last_answered", details.answerer, group),
        **_pointer_json("last_first", details.first, group),
        "warnings": [*group.warnings(), *hours.warnings_of(group, now)],
    }


def hours_json(group: Group, now: datetime) -> dict[str, Any]:
    """Return when a group is open, and whether it is now."""
    state, by_hand = hours.state_of(group, now), group.hours.by_hand
    if by_hand is not None and not by_hand.holds(now):
        by_hand = None
    return {
        "hours": [
            {"day": day, "opens": show_minute(each.opens), "closes": show_end(each)}
            for day, intervals in zip(WEEKDAYS, group.hours.week, strict=False)
            for each in intervals
        ],
        "holidays": [holiday_json(each) for each in group.hours.holidays],
        "closed_since": None if by_hand is None else utc(by_hand.since),
        "closed_until": None if by_hand is None else utc(by_hand.until),
        "state": "open" if state.closed is None else "closed",
        "state_until": utc(state.until),
        "closed_by": None if state.closed is None else state.closed.why.value,
        "closed_by_holiday": None if state.closed is None else state.closed.holiday,
    }


def holiday_json(holiday: Holiday) -> dict[str, Any]:
    """Return a holiday; its hours as a person writes them."""
    return {
        "first_day": holiday.first.isoformat(),
        "last_day": holiday.last.isoformat(),
        "name": holiday.name,
        "hours": show_intervals(holiday.intervals),
    }


def imported_json(found: Imported, left_out: Sequence[str]) -> dict[str, Any]:
    """Return what became of the holidays of a file."""
    return {
        "domain": found.group.domain,
        "pilot": found.group.pilot,
        "added": [holiday_json(each) for each in found.added],
        "known": found.known,
        "left_out": list(left_out),
    }


def member_json(member: Member, group: Group, seconds_per_ring: float) -> dict[str, Any]:
    """Return a member; its ``rings`` and ``ring_seconds`` are None where it rings as long as the group says."""
    return {
        "position": member.position,
        **columns_of(member),
        "effective_ring_seconds": (member.ring_time or group.ring_time).in_seconds(seconds_per_ring),
        "blocked": member.blocked,
        "blocked_in_group": member.blocked_in_group,
        "auto_blocked": member.auto_blocked,
        "blocked_until": utc(member.blocked_until),
        "unanswered_in_a_row": member.unanswered_in_a_row,
        "idle_since": utc(member.idle_since),
    }


def member_state_json(state: StateOfMember) -> dict[str, Any]:
    """Return what a member does now."""
    return {
        "state": state.word.value,
        "state_since": utc(state.since),
        "state_left": state.left,
        "state_detail": state.detail,
        "other_end": state.other,
    }


def _pointer_json(name: str, pointer: RotationPointer | None, group: Group) -> dict[str, Any]:
    """The rotation: who, and at which position; the member is None where it has left the group."""
    who = None if pointer is None else pointed_at(pointer, group)
    return {f"{name}_member": who, f"{name}_position": None if pointer is None else pointer.position}


def pointed_at(pointer: RotationPointer, group: Group) -> str | None:
    """Return the member that a rotation pointer means; None if it has left the group."""
    return next((member.extension for member in group.members if member.id == pointer.member_id), None)


def limits_json(group: Group, limits: Limits) -> dict[str, Any]:
    """Return the limits of a group."""
    return {"domain": group.domain, "pilot": group.pilot, **limit_values(limits)}


def block_json(domain: str, extension: str, state: BlockState) -> dict[str, Any]:
    """Return whether an extension is blocked in all groups, until when, and what holds in each of them."""
    everywhere = state.everywhere
    return {
        "domain": domain,
        "extension": extension,
        "blocked": everywhere is not None,
        "blocked_until": None if everywhere is None else utc(everywhere.until),
        "pilots": list(state.pilots),
        "groups": [_block_in_group_json(pilot, state.block_in(pilot)) for pilot in state.pilots],
    }


def _block_in_group_json(pilot: str, block: Block | None) -> dict[str, Any]:
    until = None if block is None else utc(block.until)
    alone = block is not None and block.in_group
    return {"pilot": pilot, "blocked": block is not None, "blocked_in_group": alone, "blocked_until": until}


def change_json(change: Change) -> dict[str, Any]:
    """Return a change; ``before`` and ``after`` have the fields that changed."""
    return _picked(change, [each.name for each in fields(change)])


USER_KEYS = (
    "name",
    "role",
    "domain",
    "extension",
    "disabled",
    "has_password",
    "has_totp",
    "time_zone",
    "language",
    "created_at",
)


def user_json(user: User) -> dict[str, Any]:
    """Return a user; ``groups`` are those granted to an administrator, as ``PILOT@DOMAIN``."""
    return _picked(user, USER_KEYS) | {"groups": [f"{pilot}@{domain}" for domain, pilot in user.groups]}


def token_json(token: Token) -> dict[str, Any]:
    """Return a token without its secret."""
    values = _picked(token, ("id", "name", "user", "created_at", "expires_at", "used_at", "revoked_at"))
    return values | {"scopes": sorted(token.scopes)}


def board_json(board: Board, link: str | None = None) -> dict[str, Any]:
    """Return a board; its address is not known later."""
    return _picked(board, ("id", "name", "domain", "pilot", "created_at", "expires_at")) | {"link": link}


def notice_json(notice: StoredNotice, waiting: int, secret: str | None = None) -> dict[str, Any]:
    """Return a notice, and how many messages wait for it; the secret of a webhook is shown once."""
    place = {"id": notice.id, "domain": notice.place.domain, "pilot": notice.place.pilot}
    times = {"created_at": utc(notice.created_at), "last_sent_at": utc(notice.last_sent_at)}
    return place | notice_values(notice.wish) | times | {"waiting": waiting, "secret": secret}


CALLBACK_KEYS = ("id", "domain", "pilot", "number", "name", "internal", "hunt_id", "ticket", "requested_at", "tries")


def callback_json(request: Request) -> dict[str, Any]:
    """Return an open request to be called back; ``call`` is the id of the caller's call, for `fshunt call show`."""
    picked = _picked(request, CALLBACK_KEYS)
    picked["call"] = picked.pop("hunt_id")
    return picked | {"state": request.state.value, "not_before": utc(request.not_before)}


DELIVERY_KEYS = ("id", "domain", "pilot", "channel", "target", "due_at", "next_try_at", "tries", "dead", "last_error")


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """Return a message that waits to be sent; a dead letter has no next try."""
    picked = _picked(delivery, DELIVERY_KEYS) | {"channel": delivery.channel.value}
    return picked | ({"next_try_at": None} if delivery.dead else {})


def invitation_json(invitation: Invitation, web_address: str) -> dict[str, Any]:
    """Return an invitation with its link, which is not known later."""
    return {
        "user": invitation.user.name,
        "link": invitation.link(web_address),
        "expires_at": utc(invitation.expires_at),
    }


def call_json(record: CallRecord | Row[Any]) -> dict[str, Any]:
    """Return a call without its offers and skips."""
    return _picked(record, CALL_KEYS)


EVENT_KEYS = ("at", "domain", "pilot", "call", "caller_number", "caller_name", "member", "outcome")


def event_json(event: Event, message: str) -> dict[str, Any]:
    """Return an event, with its message; ``change`` is the number of the change that it is."""
    change = None if event.change is None else event.change.id
    picked = _picked(event, EVENT_KEYS)
    return {"at": picked.pop("at"), "event": event.name.value} | picked | {"change": change, "message": message}


def pruned_json(before: datetime, removed: int) -> dict[str, Any]:
    """Return how many calls were removed, and before which moment they had begun."""
    return {"before": utc(before), "removed": removed}


def whole_call_json(record: CallRecord, earlier: Sequence[CallRecord]) -> dict[str, Any]:
    """Return a call with its offers, skips and policy input, and the earlier hunts of the same caller's channel."""
    return _with_steps(record) | {"earlier": [_with_steps(other) for other in earlier]}


def _with_steps(record: CallRecord) -> dict[str, Any]:
    offers: list[OfferRecord] = record.offers
    skips: list[SkipRecord] = record.skips
    return call_json(record) | {
        "offers": [_picked(offer, OFFER_KEYS) for offer in offers],
        "skips": [_picked(skip, SKIP_KEYS) for skip in skips],
        "policy_input": record.policy_input,
    }


def _picked(row: object, names: Sequence[str]) -> dict[str, Any]:
    values = ((name, getattr(row, name)) for name in names)
    return {name: utc(value) if isinstance(value, datetime) else value for name, value in values}


def domain_json(found: DomainRow) -> dict[str, Any]:
    """Return a domain and how much is in it."""
    return {
        "name": found.name,
        "groups": found.groups,
        "members": found.members,
        "calls": found.calls,
        "users": found.users,
    }


def status_json(state: ClusterHealth) -> dict[str, Any]:
    """Return all that is known of the daemons on a database; ages in seconds."""
    return {
        "ok": not state.problems,
        "problems": [finding_json(each) for each in state.problems],
        "notes": [finding_json(each) for each in state.notes],
        "hunts": state.total("hunts"),
        "answered_calls": state.total("answered_calls"),
        "queued": len(state.queued),
        "callbacks": state.callbacks,
        "claims": state.claims,
        "left_queued": len(state.left_queued),
        "left_claims": state.left_claims,
        "failed_hunts": state.failed_hunts,
        "groups": state.groups,
        "database_id": state.database_id,
        "daemons": [_daemon_json(daemon) for daemon in state.daemons],
        "switches": [_switch_json(daemon, switch) for daemon in state.living for switch in daemon.switches],
        "queued_callers": [_queued_json(hunt, ticket, state) for ticket, hunt in enumerate(state.queued, 1)],
        "left_callers": [_queued_json(hunt, None, state) for hunt in state.left_queued],
        "web_processes": [_web_process_json(web) for web in state.web],
        "errors": [
            {"node": daemon.node, "at": utc(moment(error.get("at"))), **_texts(error, "level", "message")}
            for daemon, error in state.errors()
        ],
    }


def nothing_known_json(problem: Finding) -> dict[str, Any]:
    """Return the same where the database cannot be read: nothing is known but why."""
    counts = dict.fromkeys(
        (
            "hunts",
            "answered_calls",
            "queued",
            "callbacks",
            "claims",
            "left_queued",
            "left_claims",
            "failed_hunts",
            "groups",
        )
    )
    counts["database_id"] = None
    names = ("daemons", "switches", "queued_callers", "left_callers", "web_processes", "errors")
    empty: dict[str, list[Any]] = {name: [] for name in names}
    return {"ok": False, "problems": [finding_json(problem)], "notes": [], **counts, **empty}


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a problem or note."""
    return {
        "code": finding.code.value,
        "message": finding.message,
        "node": finding.node,
        "switch": finding.switch,
        "service": finding.service,
        "domain": finding.domain,
        "pilot": finding.pilot,
        "since": utc(finding.since),
    }


def _daemon_json(daemon: DaemonNow) -> dict[str, Any]:
    status, database = daemon.status, daemon.database
    return {
        "node": daemon.node,
        "run_id": daemon.row.run_id,
        "alive": daemon.alive,
        "replaced": daemon.replaced,
        "started_at": utc(daemon.row.started_at),
        "heartbeat_at": utc(daemon.row.heartbeat_at),
        "heartbeat_age": round(daemon.age, 1),
        "version": status.get("version"),
        "pid": status.get("pid"),
        "listen": status.get("listen"),
        "http_listen": status.get("http_listen"),
        "hunts": status.get("hunts"),
        "answered_calls": status.get("answered_calls"),
        "queued": status.get("queued"),
        "taken_over_calls": status.get("taken_over_calls"),
        "claims": daemon.claims,
        "database_ok": database.get("ok"),
        "database_since": utc(moment(database.get("since"))),
        "pending_writes": database.get("pending_writes"),
        "database_error": database.get("error"),
    }


def _switch_json(daemon: DaemonNow, switch: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": switch.get("name"),
        "node": daemon.node,
        "watched": bool(switch.get("watched")),
        "since": utc(moment(switch.get("since"))),
        "channels": switch.get("channels"),
        "registrations": switch.get("registrations"),
        "heard_at": utc(moment(switch.get("heard_at"))),
        "error": switch.get("error"),
    }


def _web_process_json(web: WebProcessNow) -> dict[str, Any]:
    return {
        "node": web.row.node,
        "run_id": web.row.run_id,
        "alive": web.alive,
        "started_at": utc(web.row.started_at),
        "heartbeat_at": utc(web.row.heartbeat_at),
        "heartbeat_age": round(web.age, 1),
        "version": web.row.version,
        "listen": web.row.listen,
    }


def _queued_json(hunt: QueuedHunt, ticket: int | None, state: ClusterHealth) -> dict[str, Any]:
    return {
        "domain": hunt.domain,
        "pilot": hunt.pilot,
        "position": ticket,
        "since": utc(hunt.since),
        "uuid": hunt.call_uuid,
        "members": list(hunt.extensions),
        "node": state.node_of(hunt.run_id) or None,
    }


def _texts(values: dict[str, Any], *names: str) -> dict[str, str | None]:
    return {name: None if values.get(name) is None else str(values[name]) for name in names}
