"""The notices of a group: who is told what happens in it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fshunt.hunting.group_fields import Field, FieldKind
from fshunt.notices.notice import MAX_AFTER_MINUTES, MIN_AFTER_MINUTES, parse_time
from fshunt.notices.targets import check_mail_address, check_webhook_url
from fshunt.services import notices, rights
from fshunt.services.rights import Action
from fshunt.services.serialize import notice_json
from fshunt.web.api.answers import Answer
from fshunt.web.api.bodies import Body, Words, text_field
from fshunt.web.api.groups import ONE as GROUP
from fshunt.web.api.operations import Asked, operation
from fshunt.web.parts import parts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

COLLECTION = f"{GROUP}/notices"
AFTER = "Wait so many minutes for the caller to be served; null: not at all"
NEW_NOTICE = Body(
    "new_notice",
    {
        "mail": text_field("mail", "Mail address, or else a webhook", check_mail_address, optional=True),
        "webhook": text_field("webhook", "URL of a webhook, or else a mail address", check_webhook_url, optional=True),
        "events": Words("events", "What is told", pattern=r"[a-z-]{1,32}(:[0-9]{1,4})?", each="events", max_items=5),
        "after_minutes": Field(
            name="after_minutes",
            kind=FieldKind.WHOLE,
            label=AFTER,
            help=AFTER,
            low=MIN_AFTER_MINUTES,
            high=MAX_AFTER_MINUTES,
            optional=True,
        ),
        "digest_at": text_field("digest_at", "Time of a digest, HH:MM; null: none", parse_time, optional=True),
    },
    required=("events",),
)
MANAGE = {"action": Action.MANAGE_NOTICES, "form": "notice"}


@operation("GET", COLLECTION, kind="notices", many=True, **MANAGE)
def list_notices(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """List the notices of a group."""
    group = rights.group_for(s, asked.access, domain, pilot)
    found = notices.list_notices(s, group_ids=[group.id])
    waiting = notices.waiting_of(s, found)
    return Answer([notice_json(each, waiting.get(each.id, 0)) for each in found])


@operation(
    "POST",
    COLLECTION,
    body=NEW_NOTICE,
    example={"mail": "sales@example.com", "events": ["missed"], "after_minutes": 15},
    kind="notice",
    repeatable=True,
    status=HTTPStatus.CREATED,
    **MANAGE,
)
def add_notice(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Add a notice; the secret of a webhook is shown in this answer alone."""
    group, given = rights.group_for(s, asked.access, domain, pilot), asked.values
    wish = notices.wish_of(
        mail=given.get("mail"),
        webhook=given.get("webhook"),
        events=given["events"],
        after_minutes=given.get("after_minutes"),
        digest=given.get("digest_at"),
        allowed=parts().settings.webhook_allowed_networks,
    )
    made, secret = notices.add_notice(s, group.domain, group.pilot, wish)
    return Answer(notice_json(made, 0, secret), secrets=("secret",))


@operation("DELETE", f"{COLLECTION}/{{notice}}", kind="notice", **MANAGE)
def remove_notice(asked: Asked, s: Session, domain: str, pilot: str, notice: int) -> Answer:
    """Remove a notice, with what waits to be sent for it."""
    group = rights.group_for(s, asked.access, domain, pilot)
    return Answer(notice_json(notices.remove_notice(s, group.domain, group.pilot, notice), 0))
