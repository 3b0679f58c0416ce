"""Builds the web process from its settings, and runs it until it is told to stop."""

from __future__ import annotations

import logging
import signal
import ssl
import sys
from datetime import UTC, datetime

import gevent
from gevent.event import Event
from gevent.ssl import SSLContext

from fshunt import __version__
from fshunt.db.engine import open_store
from fshunt.process.logs import start_logging
from fshunt.process.peers import Peers
from fshunt.process.systemd import Notifier
from fshunt.settings import Settings, SettingsError
from fshunt.web.app import is_slow, make_app
from fshunt.web.database_state import DatabaseState
from fshunt.web.heartbeat import Heartbeat
from fshunt.web.http.files import FILE_THREADS
from fshunt.web.http.server import SLOW_THREADS, THREADS, Options, Server
from fshunt.web.live.hub import HUB

STOP_SECONDS = 10.0
"""How long requests in progress have to end at a stop: they wait for the database, five seconds at most."""

OTHER_THREADS = 2
"""That of the heartbeat, and that which looks for all streams."""

THREAD_SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter from the loop that reads and writes for everybody."""

PING_SECONDS = 10.0
"""Between two signs of life to systemd, whose watchdog waits for 30 s."""

log = logging.getLogger(__name__)


def serve(settings: Settings) -> int:
    """Run the web process until SIGTERM or SIGINT; return the exit status.

    Raises FshuntError, with one sentence, if it cannot be started. Without the database it starts, and says so on each
    page until the database is there.
    """
    sys.setswitchinterval(THREAD_SWITCH_SECONDS)
    logs = start_logging(settings.log_level, settings.log_format)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    # One connection for each thread that may need one.
    connections = THREADS + SLOW_THREADS + FILE_THREADS + OTHER_THREADS
    store = open_store(settings.database_url, connections=connections)
    try:
        app = make_app(settings, store, DatabaseState(settings.database_url))
        server = build(settings, app)
        server.start()
        heartbeat = Heartbeat(store, server.address, lambda: datetime.now(UTC))
        beating = gevent.spawn(heartbeat.run)
        _run(server, settings, stop)
        beating.kill()
        app.extensions[HUB].close()
        heartbeat.retire()
        return 0
    finally:
        store.close()
        logs.stop()


def build(settings: Settings, application: object) -> Server:
    """Return the server of an application, not started; raise SettingsError if the certificate cannot be used."""
    open_to_all = settings.web_listen.loopback or settings.web_tls
    options = Options(
        listen=settings.web_listen,
        tls=tls_context(settings),
        trusted_proxies=settings.web_trusted_proxies,
        peers=None if open_to_all else Peers(settings.web_trusted_proxies),
        is_slow=is_slow,
    )
    return Server(application, options)  # type: ignore[arg-type]  # Flask's own type of it is narrower


def tls_context(settings: Settings) -> SSLContext | None:
    """Return what TLS needs, TLS 1.2 at least; None where a proxy does it. Raises SettingsError."""
    if settings.web_tls_cert is None or settings.web_tls_key is None:
        return None
    context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.web_tls_cert, settings.web_tls_key)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise SettingsError(
            f"The certificate {settings.web_tls_cert} with the key {settings.web_tls_key} cannot be used: {reason}."
        ) from error
    return context


def _run(server: Server, settings: Settings, stop: Event) -> None:
    scheme = "https" if settings.web_tls else "http"
    log.info("fshunt %s: web pages at %s://%s", __version__, scheme, server.address)
    notifier = Notifier()
    notifier.send("READY=1", f"STATUS=web pages at {server.address}")
    while not stop.wait(PING_SECONDS):
        notifier.send("WATCHDOG=1")
    notifier.send("STOPPING=1")
    log.info("stopping: requests in progress have %g s to end", STOP_SECONDS)
    server.stop(STOP_SECONDS)
