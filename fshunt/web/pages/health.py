"""`/healthz`: whether the pages can work, for load balancers and monitoring."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint

from fshunt.web.parts import parts

pages = Blueprint("health", __name__)


@pages.get("/healthz")
def healthz() -> tuple[dict[str, Any], int]:
    """Answer 200 if the database can be used with this fshunt, else 503; no detail that would help an attacker."""
    trouble = parts().database.now().trouble
    status = HTTPStatus.OK if trouble is None else HTTPStatus.SERVICE_UNAVAILABLE
    return {"ok": trouble is None, "database": "ok" if trouble is None else trouble.value}, status.value
