"""What all daemons do, as `fshunt status` shows it."""

from __future__ import annotations

import time

from fshunt.services import cluster_health
from fshunt.services.rights import Action
from fshunt.services.serialize import status_json
from fshunt.web.api.answers import Answer
from fshunt.web.api.operations import Asked, operation
from fshunt.web.parts import parts


@operation("GET", "/status", action=Action.SEE_SYSTEM, kind="status", form="status", own_transactions=True)
def show_status(asked: Asked) -> Answer:
    """Show the daemons, their switches, the call queue, and first of all what is wrong."""
    return Answer(status_json(cluster_health.look(parts().store, asked.settings.database_url, time.sleep)))
