"""Links that a person hands on."""

from __future__ import annotations

from flask import request

from fshunt.services.accounts import Invitation
from fshunt.web.parts import parts


def link_of(invitation: Invitation) -> str:
    """Return the link of an invitation, on the pages' own address."""
    return invitation.link(own_address())


def own_address() -> str:
    """Return the pages' own address: that of the settings, or the one at which this reader has them."""
    return (parts().settings.web_url or request.host_url).rstrip("/")
