"""A TCP proxy in front of PostgreSQL that can be slow, deaf, gone, or drop the answer to a COMMIT.

It runs in native threads: a client of the database may block the greenlets of the test meanwhile. It reads
the messages of the client, as far as it must to see the statements (PostgreSQL's documentation, "Message Flow").
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from sqlalchemy import URL, make_url

from tests.support.ports import held_port, number_of
from tests.support.waiting import WAIT_SECONDS

RECEIVE_BYTES = 65536
LOOK_SECONDS = 0.05


class PostgresProxy:
    """Listens at 127.0.0.1 and passes connections on to the server of ``url``; a context manager."""

    def __init__(self, url: str | URL) -> None:
        self._target = make_url(url)
        self.delay = 0.0
        """Seconds by which each answer of the server is late."""
        self.statements: deque[str] = deque(maxlen=10_000)
        """The messages of the clients, in order."""
        self.on_statement: Callable[[str], object] = lambda _statement: None
        """Told of each statement before the server is; it may cut, refuse and so on."""
        self.commits_dropped = 0
        self.tripped = threading.Event()
        self._drops_next_commit = False
        self._deaf = threading.Event()
        self._pairs: set[_Pair] = set()
        self._lock = threading.Lock()
        self._listening: socket.socket | None = None
        self._held = held_port()

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.refuse()
        self._held.close()

    @property
    def url(self) -> str:
        """The URL that leads through here."""
        query = {"host": "127.0.0.1", "port": str(number_of(self._held)), "sslmode": "disable", "gssencmode": "disable"}
        through = self._target.set(host=None, port=None, query=query)
        return through.render_as_string(hide_password=False)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._pairs)

    # The faults.

    def cut(self) -> None:
        """End all connections now; new ones are accepted."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.close()

    def refuse(self) -> None:
        """End all connections and take no new ones, as a server that is down."""
        listening, self._listening = self._listening, None
        if listening is not None:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        self.cut()

    def swallow(self) -> None:
        """Take connections and bytes, and answer nothing, as a network that drops packets."""
        self._deaf.set()

    def abandon(self) -> None:
        """Take what comes on the connections there are, and answer none of it; a new one works: the server is another.

        As behind a proxy that does not notice the end of its server.
        """
        with self._lock:
            for pair in self._pairs:
                pair.is_deaf = True

    def drop_the_answer_to_commit(self) -> None:
        """Let the next COMMIT reach the server, then end that connection without its answer."""
        self._drops_next_commit = True

    def mend(self) -> None:
        """End all faults. Swallowed packets are lost: their connections end."""
        self.delay, self._drops_next_commit, self.on_statement = 0.0, False, lambda _statement: None
        if self._deaf.is_set():
            self._deaf.clear()
            self.cut()
        if self._listening is None:
            self._listen()

    @contextmanager
    def trap(self, words: str, fault: Callable[[], object]) -> Iterator[threading.Event]:
        """Have a fault happen once, just before a statement with these words reaches the server; gives an event."""
        sprung = threading.Event()

        def look(statement: str) -> None:
            if words in statement and not sprung.is_set():
                sprung.set()
                fault()

        self.on_statement = look
        yield sprung
        self.on_statement = lambda _statement: None

    # The parts.

    def _listen(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(self._held.getsockname())
        listening.listen(100)
        self._listening = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            if listening is not self._listening:
                client.close()
                return
            pair = _Pair(self, client)
            with self._lock:
                self._pairs.add(pair)
            threading.Thread(target=pair.run, daemon=True).start()

    def dial(self) -> socket.socket:
        """A connection to the server itself."""
        host = str(self._target.query.get("host") or self._target.host or "")
        port = int(self._target.port or 5432)
        if host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{host}/.s.PGSQL.{port}")
            return server
        return socket.create_connection((host, port), WAIT_SECONDS)

    @property
    def is_deaf(self) -> bool:
        return self._deaf.is_set()

    def takes_commit(self) -> bool:
        """Whether the answer to the COMMIT that passes now is to be dropped."""
        with self._lock:
            drops, self._drops_next_commit = self._drops_next_commit, False
        return drops

    def forget(self, pair: _Pair) -> None:
        with self._lock:
            self._pairs.discard(pair)


class _Pair:
    """One client and its connection to the server."""

    def __init__(self, proxy: PostgresProxy, client: socket.socket) -> None:
        self._proxy, self._client = proxy, client
        self._server: socket.socket | None = None
        self._closed = threading.Event()
        self._drops_answer = threading.Event()
        self._messages = Messages()
        self.is_deaf = False

    def run(self) -> None:
        try:
            self._server = self._proxy.dial()
            threading.Thread(target=self._bring_answers, args=(self._server,), daemon=True).start()
            while not self._closed.is_set() and (data := self._client.recv(RECEIVE_BYTES)):
                if not self._hears_nothing:
                    self._pass_on(data, self._server)
        except OSError:
            pass  # one side is closed, and so is the other now
        self.close()

    def _pass_on(self, data: bytes, server: socket.socket) -> None:
        for message, statement in self._messages.feed(data):
            if statement is not None:
                self._proxy.statements.append(statement)
                self._proxy.on_statement(statement)
                if statement.strip().upper().startswith("COMMIT") and self._proxy.takes_commit():
                    self._drops_answer.set()
            if self._hears_nothing:
                return
            if self._closed.is_set():
                raise ConnectionAbortedError
            server.sendall(message)

    def _bring_answers(self, server: socket.socket) -> None:
        try:
            while data := server.recv(RECEIVE_BYTES):
                if self._drops_answer.is_set():  # the server has answered: it has committed
                    self._proxy.commits_dropped += 1
                    self._proxy.tripped.set()
                    break
                self._hold_back(time.monotonic())
                if not self._hears_nothing:
                    self._client.sendall(data)
        except OSError:
            pass
        self.close()

    @property
    def _hears_nothing(self) -> bool:
        return self.is_deaf or self._proxy.is_deaf

    def _hold_back(self, came: float) -> None:
        """Wait as long as answers are delayed now; the end of the fault ends the wait."""
        while not self._closed.is_set() and (left := came + self._proxy.delay - time.monotonic()) > 0:
            self._closed.wait(min(left, LOOK_SECONDS))

    def close(self) -> None:
        self._closed.set()
        for one in (self._client, self._server):
            if one is not None:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        self._proxy.forget(self)


class Messages:
    """Splits a client's bytes into messages, and names the statement of a message."""

    def __init__(self) -> None:
        self._buffer = b""
        self._begun = False
        self._prepared: dict[bytes, str] = {}

    def feed(self, data: bytes) -> Iterator[tuple[bytes, str | None]]:
        self._buffer += data
        while (message := self._next()) is not None:
            yield message, self._statement(message) if self._begun else None
            self._begun = self._begun or message[4:8] not in _REQUESTS

    def _next(self) -> bytes | None:
        head = 1 if self._begun else 0  # the first message has no letter before its length
        if len(self._buffer) < head + 4:
            return None
        end = head + struct.unpack_from("!I", self._buffer, head)[0]
        if len(self._buffer) < end:
            return None
        message, self._buffer = self._buffer[:end], self._buffer[end:]
        return message

    def _statement(self, message: bytes) -> str | None:
        kind, body = message[:1], message[5:]
        if kind == b"Q":
            return body.rstrip(b"\0").decode(errors="replace")
        if kind == b"P":
            name, text, _ = body.split(b"\0", 2)
            self._prepared[name] = text.decode(errors="replace")
        elif kind == b"B":
            _portal, name, _ = body.split(b"\0", 2)
            return self._prepared.get(name)
        return None


_REQUESTS = (struct.pack("!I", 80877103), struct.pack("!I", 80877104))
"""A wish for TLS or GSSAPI: after it the first message comes again."""
