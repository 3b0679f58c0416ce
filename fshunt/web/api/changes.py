"""The audit: who changed what, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fshunt.hunting.validation import check_domain, check_pilot
from fshunt.services import audit, rights
from fshunt.services.audit import Subject
from fshunt.services.rights import Access, Action
from fshunt.services.serialize import change_json
from fshunt.services.undo import undo
from fshunt.services.users import Role
from fshunt.web.api.answers import PAGING, Answer, one_more, page_of, read_cursor
from fshunt.web.api.bodies import text_field
from fshunt.web.api.entrance import check
from fshunt.web.api.errors import BadRequest
from fshunt.web.api.operations import Asked, operation
from fshunt.web.api.parameters import MAX_ID

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SEARCH = (
    text_field("domain", "Changes in this domain alone", check_domain),
    text_field("pilot", "Changes of this group, its members and their blocks alone", check_pilot),
    *PAGING,
)
TO_SEE = {Role.PROVIDER: Action.SEE_AUDIT, Role.ADMIN: Action.SEE_GROUP, Role.MEMBER: Action.SEE_OWN}


@operation("GET", "/changes", query=SEARCH, kind="changes", form="change", many=True)
def list_changes(asked: Asked, s: Session) -> Answer:
    """List who changed what, the newest change first."""
    check(asked.access, TO_SEE[asked.access.role])
    which = {"domain": asked.query["domain"], "pilot": asked.query["pilot"]} | _visible(asked.access)
    if which["pilot"] is not None and which["domain"] is None:
        raise BadRequest("`pilot` needs `domain`: a number may be a group in several domains.")
    found = audit.history(s, **which, before_id=_before(asked), limit=one_more(asked.query))
    return page_of(found, asked.query["limit"], change_json, lambda change: (change.id,))


@operation("GET", "/changes/{change}", kind="change", form="change")
def show_change(asked: Asked, s: Session, change: int) -> Answer:
    """Show a change."""
    check(asked.access, TO_SEE[asked.access.role])
    return Answer(change_json(rights.change_for(s, asked.access, change)))


@operation("POST", "/changes/{change}/undo", action=Action.UNDO, kind="change", form="change")
def undo_change(asked: Asked, s: Session, change: int) -> Answer:
    """Take a change back; the answer is the change that does it."""
    rights.check_undo(s, asked.access, change)
    return Answer(change_json(undo(s, change, shared_members=asked.settings.shared_members)))


def _visible(access: Access) -> dict[str, Any]:
    """What narrows the list to what the user may see."""
    if access.role is Role.ADMIN:
        return {"group_ids": access.group_ids}
    if access.role is Role.MEMBER:
        return {"domain": access.domain, "pilot": None, "subject": Subject.BLOCK, "key": access.extension}
    return {}


def _before(asked: Asked) -> int | None:
    found = read_cursor(asked.query, int)
    if found is not None and not 1 <= found[0] <= MAX_ID:
        raise BadRequest("`cursor` is none of ours: take it from `next_page` of the page before.")
    return None if found is None else int(found[0])
