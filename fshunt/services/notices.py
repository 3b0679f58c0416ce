"""Notices of a group: who is told of what, by mail or by a webhook."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address
from secrets import token_bytes
from typing import Any

from sqlalchemy.orm import Session

from fshunt.db.queries import notice_deliveries, notices
from fshunt.db.queries.notice_deliveries import Delivery
from fshunt.db.queries.notices import NOTICES, StoredNotice
from fshunt.db.queries.rows import find_domain_id, find_group
from fshunt.errors import BadValue, Conflict, NotFound, UsageError
from fshunt.hunting.group import Group
from fshunt.hunting.validation import shown
from fshunt.notices.notice import Channel, Wish, parse_events, parse_time, show_time
from fshunt.notices.signing import SECRET_BYTES, secret_of
from fshunt.notices.targets import IpNetwork, check_mail_address, is_allowed, parse_webhook_url
from fshunt.services.audit import ChangeKind, Subject, record_of_group

MAX_NOTICES = 20
"""Notices of one group."""

LOOPBACK = IPv4Address("127.0.0.1")
"""What each host leads to whose name is, or ends in, `localhost`."""

MAIL_NEEDS_HOST = "No mail is sent until the setting `smtp_host` names a mail server."
"""What is said of a notice by mail where the settings name no mail server."""


def wish_of(
    *,
    mail: str | None,
    webhook: str | None,
    events: Collection[str],
    after_minutes: int | None = None,
    digest: str | None = None,
    allowed: Collection[IpNetwork] = (),
) -> Wish:
    """Return what somebody asks for in words; raise UsageError or BadValue.

    ``allowed`` are the networks of the setting ``webhook_allowed_networks``. A host that the URL gives by its address
    is judged here, too; one that it gives by name is judged when a notice is sent.
    """
    if (mail is None) == (webhook is None):
        raise UsageError("A notice goes either to a mail address or to a webhook: name one of them.")
    named, longer_than = parse_events(events)
    if mail is not None:
        channel, target = Channel.MAIL, check_mail_address(mail)
    else:
        channel, target = Channel.WEBHOOK, _checked_url(str(webhook), allowed)
    digest_at = None if digest is None else parse_time(digest)
    wish = Wish(channel, target, named, longer_than, after_minutes, digest_at)
    wish.check()
    return wish


def _checked_url(url: str, allowed: Collection[IpNetwork]) -> str:
    host = parse_webhook_url(url)
    literal = LOOPBACK if host.host.rstrip(".").rpartition(".")[2] == "localhost" else host.literal
    if literal is not None and not is_allowed(literal, allowed):
        raise BadValue(
            f"{shown(host.host)} is no public address: a webhook goes there only if `webhook_allowed_networks` has it."
        )
    return url


def add_notice(
    s: Session, domain: str, pilot: str, wish: Wish, *, now: datetime | None = None
) -> tuple[StoredNotice, str | None]:
    """Add a notice and return it, with the secret of a webhook. Raises NotFound, UsageError or Conflict."""
    wish.check()
    group = find_group(s, find_domain_id(s, domain, lock=True), domain, pilot)
    held = notices.all_of(s, [group.id])
    if len(held) >= MAX_NOTICES:
        raise Conflict(f"Group {pilot} has {len(held)} notices: remove one first.")
    if any(each.wish.target == wish.target for each in held):
        raise Conflict(
            f"Group {pilot} has a notice to {wish.target} already: remove it first, then add it with all its events."
        )
    secret = secret_of(token_bytes(SECRET_BYTES)) if wish.channel is Channel.WEBHOOK else None
    notice_id = notices.add(s, group.id, wish, secret=secret, at=now or datetime.now(UTC))
    record_of_group(s, group, Subject.NOTICE, ChangeKind.ADD, wish.target, after=notice_values(wish))
    return get_notice(s, group, notice_id), secret


def list_notices(s: Session, *, group_ids: Collection[int] | None = None) -> list[StoredNotice]:
    """Return notices in order of domain, pilot and age; of some groups alone."""
    return notices.notices(s) if group_ids is None else notices.all_of(s, sorted(group_ids))


def get_notice(s: Session, group: Group, notice_id: int) -> StoredNotice:
    """Return a notice of a group; raise NotFound."""
    found = notices.notices(s, NOTICES.c.id == notice_id, NOTICES.c.group_id == group.id)
    if not found:
        raise NotFound(
            f"Group {group.pilot} has no notice {notice_id}: `fshunt group notice list {group.pilot}` lists them."
        )
    return found[0]


def remove_notice(s: Session, domain: str, pilot: str, notice_id: int) -> StoredNotice:
    """Remove a notice, with what waits to be sent for it, and return it as it was; raise NotFound."""
    group = find_group(s, find_domain_id(s, domain, lock=True), domain, pilot)
    found = get_notice(s, group, notice_id)
    notices.remove(s, notice_id)
    record_of_group(s, group, Subject.NOTICE, ChangeKind.REMOVE, found.wish.target, before=notice_values(found.wish))
    return found


def waiting_of(s: Session, found: Collection[StoredNotice]) -> dict[int, int]:
    """Return how many messages wait to be sent, by the id of the notice."""
    return notice_deliveries.waiting_of(s, [each.id for each in found])


def notice_values(wish: Wish) -> dict[str, Any]:
    """Return a notice as a change has it: without a secret."""
    return {
        "channel": wish.channel.value,
        "target": wish.target,
        "events": wish.event_words(),
        "after_minutes": wish.after_minutes,
        "digest_at": None if wish.digest_at is None else show_time(wish.digest_at),
    }


def values_now(s: Session, group: Group, target: str) -> dict[str, Any] | None:
    """Return the notice of a group to a target as a change has it; None: there is none."""
    return next(
        (notice_values(each.wish) for each in notices.all_of(s, [group.id]) if each.wish.target == target), None
    )


def remove_target(s: Session, group: Group, target: str) -> None:
    """Remove the notice of a group to a target, if there is one."""
    for each in notices.all_of(s, [group.id]):
        if each.wish.target == target:
            remove_notice(s, group.domain, group.pilot, each.id)


def restore_notice(s: Session, group: Group, values: Mapping[str, Any]) -> None:
    """Add a notice again as its change has it; raise UsageError for a webhook, whose secret is gone."""
    if values["channel"] != Channel.MAIL.value:
        raise UsageError("A webhook cannot come back, since its secret is gone: add it again.")
    wish = wish_of(
        mail=values["target"],
        webhook=None,
        events=values["events"],
        after_minutes=values["after_minutes"],
        digest=values["digest_at"],
    )
    add_notice(s, group.domain, group.pilot, wish)


def deliveries(
    s: Session, *, domains: Collection[str] | None = None, group_ids: Collection[int] | None = None
) -> list[Delivery]:
    """Return what waits to be sent, dead letters first, the oldest first."""
    return notice_deliveries.waiting(s, domains=domains, group_ids=group_ids)


def retry(s: Session, chosen: Collection[Delivery], now: datetime) -> int:
    """Have messages sent at once, dead letters too; return how many there were."""
    return notice_deliveries.retry(s, [each.id for each in chosen], now)


def discard(s: Session, chosen: Collection[Delivery]) -> int:
    """Forget messages without sending them; return how many there were."""
    return notice_deliveries.discard(s, [each.id for each in chosen])


def delivery_named(found: Collection[Delivery], delivery_id: str) -> Delivery:
    """Return the message with this id; raise NotFound."""
    for each in found:
        if each.id == delivery_id:
            return each
    raise NotFound(f"No message {shown(delivery_id)} waits: `fshunt notice list` lists them.")
