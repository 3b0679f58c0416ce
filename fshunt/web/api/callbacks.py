"""Callers of a group who asked to be called back, instead of waiting in its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fshunt.services import callbacks, rights
from fshunt.services.rights import Action
from fshunt.services.serialize import callback_json
from fshunt.web.api.answers import Answer
from fshunt.web.api.groups import ONE as GROUP
from fshunt.web.api.operations import Asked, operation

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

COLLECTION = f"{GROUP}/callbacks"


@operation("GET", COLLECTION, action=Action.SEE_CALLS, kind="callbacks", form="callback", many=True)
def list_callbacks(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """List the callers of a group who are to be called back, in the order of the queue."""
    group = rights.group_for(s, asked.access, domain, pilot)
    return Answer([callback_json(each) for each in callbacks.open_requests_of(s, group)])


@operation("DELETE", f"{COLLECTION}/{{callback}}", action=Action.REMOVE_CALLBACK, kind="callback", form="callback")
def remove_callback(asked: Asked, s: Session, domain: str, pilot: str, callback: int) -> Answer:
    """Do not call a caller back; refused while the caller is being called, or talks."""
    group = rights.group_for(s, asked.access, domain, pilot)
    return Answer(callback_json(callbacks.remove_of(s, group, callback)))
