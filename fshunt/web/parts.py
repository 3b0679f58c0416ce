"""What the pages work with, as the application was built with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from fshunt.db.engine import Store
from fshunt.settings import Settings
from fshunt.web.database_state import DatabaseState

EXTENSION = "fshunt"


@dataclass(frozen=True, slots=True)
class Parts:
    """The settings, the database, and its state."""

    settings: Settings
    store: Store
    database: DatabaseState


def parts() -> Parts:
    """Return the parts of the application that answers this request."""
    return cast("Parts", current_app.extensions[EXTENSION])
