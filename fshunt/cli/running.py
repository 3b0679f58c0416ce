"""What a daemon that runs on this host says of itself, where the database cannot tell."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fshunt.db import migrate
from fshunt.errors import DatabaseError
from fshunt.settings import DEFAULT_FILE, Address, LoadedSettings, Settings
from fshunt.settings.values import parse_address

if TYPE_CHECKING:
    from fshunt.services.cluster_health import ClusterHealth, Finding

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


def on_another_database(loaded: LoadedSettings, state: ClusterHealth) -> Iterator[Finding]:
    """Yield a finding for each daemon that serves health where this command can ask, on another database than its own.

    Asked are the own `http_listen` and the addresses that the living daemons of this database have written.
    """
    for address in sorted(_health_addresses(loaded.settings, state)):
        if (found := other_database_at(address, loaded, state.database_id)) is not None:
            yield found


def other_database_at(address: Address, loaded: LoadedSettings, identity: str | None) -> Finding | None:
    """Return the finding of the daemon that serves health at an address, if its database is not the one of this id."""
    from fshunt.services.cluster_health import other_database

    health = health_at(address)
    found = health and (health.get("database") or {}).get("id")
    if not found or not identity or found == identity:
        return None
    file = loaded.file or DEFAULT_FILE
    mend = (
        f"run `systemctl restart fshunt` on its host, once the `database_url` of its {file} is the one of this command"
    )
    if loaded.sources["database_url"] == "environment":
        mend = "run `unset FSHUNT_DATABASE_URL`, so that this command reads the settings file as the daemon does"
    return other_database(str(address), mend)


def _health_addresses(settings: Settings, state: ClusterHealth) -> set[Address]:
    told = {str(daemon.status["http_listen"]) for daemon in state.living if daemon.status.get("http_listen")}
    others = {parse_address(each) for each in told}
    # A loopback address that a daemon of another host has written means that host.
    asked = {address for address in others if not address.loopback}
    return asked | ({settings.http_listen} if settings.http_listen is not None else set())


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
