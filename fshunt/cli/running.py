"""What a daemon that runs on this host says of itself, where the database cannot tell."""

from __future__ import annotations

import json
import socket
from typing import Any

from fshunt.db import migrate
from fshunt.errors import DatabaseError
from fshunt.settings import Address, Settings

ANSWER_SECONDS = 2.0
"""How long a running daemon may take to answer: far more than it takes on a busy machine."""

MAX_ANSWER_BYTES = 65536


def health_at(address: Address) -> dict[str, Any] | None:
    """Return the health page of the daemon that serves it at an address; None: none does, or another program."""
    try:
        with socket.create_connection(address.reachable(), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            answer = _some_of(connection)
        found = json.loads(answer.partition(b"\r\n\r\n")[2])
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "takes_calls" in found else None


def without_its_file(settings: Settings) -> str | None:
    """Say what a daemon on this host does whose SQLite file is not there; None: the file is, or no daemon answers."""
    try:
        if settings.http_listen is None or not migrate.is_missing(settings.database_url):
            return None
    except DatabaseError:  # this user may not know
        return None
    health = health_at(settings.http_listen)
    if health is None:
        return None
    waiting = (health.get("database") or {}).get("pending_writes", 0)
    return (
        f"A daemon is running at {settings.http_listen}, so the file was there: it continues from the group cache, and "
        f"{waiting} of its records wait for the file."
    )


def _some_of(connection: socket.socket) -> bytes:
    answer = b""
    while len(answer) < MAX_ANSWER_BYTES and (some := connection.recv(MAX_ANSWER_BYTES)):
        answer += some
    return answer
