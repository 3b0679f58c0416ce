"""What `fshunt status` shows, for providers: problems first, then the daemons, the switches and the web processes."""

from __future__ import annotations

from time import sleep

from flask import Blueprint, render_template

from fshunt.services import cluster_health, rights
from fshunt.services.rights import Action
from fshunt.web.parts import parts
from fshunt.web.signed_in import access, for_signed_in

pages = Blueprint("system", __name__, url_prefix="/system")

MAX_ERRORS = 10


@pages.get("")
@for_signed_in
def show() -> str:
    """Show the state of all daemons. Where one may be dead it looks twice, which takes some seconds."""
    rights.check(access(), Action.SEE_SYSTEM)
    found = cluster_health.look(parts().store, parts().settings.database_url, sleep)
    return render_template("system.html", state=found, errors=found.errors()[:MAX_ERRORS], moment=cluster_health.moment)
