"""The floor: what a hunt must cost, whoever writes it. A bare gevent loop, without any structure.

It sends the commands of a tape of fshunt's hunt, each as soon as the frames have come that came before it there, reads
and writes the same records by ``sqlite3`` in the same transactions, and writes the same log lines. ``python -m
tests.benchmarks.floor FOLDER``, with ``tape``, ``log-lines`` and ``db`` in it. Prints its port.
"""

from __future__ import annotations

import sqlite3
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from gevent import socket
from gevent.server import StreamServer

from tests.benchmarks.tape import DOMAIN, Item, Template, fixed_ids, fresh, ids_of_the_switch, load, numbers

FIND = (
    "SELECT groups.id, groups.policy, members.id, members.extension, members.position FROM groups "
    "JOIN domains ON domains.id = groups.domain_id JOIN members ON members.group_id = groups.id "
    "WHERE domains.name = ? AND groups.pilot = ? ORDER BY members.position"
)
CLAIM = "INSERT INTO claims (domain, extension, call_uuid, hunt_id, run_id, sequence) VALUES (?, ?, ?, ?, 'floor', 1)"
OPEN = (
    "INSERT INTO calls (id, uuid, domain, pilot, group_name, policy, caller_number, caller_name, started_at, end_seen, "
    "policy_input, node, run_id) VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, 0, '{}', 'floor', 'floor')"
)
OFFER = (
    "INSERT INTO offers (id, call_id, stage, cycle, position, extension, phones, ring_seconds, started_at) "
    "VALUES (?, ?, 1, 1, ?, ?, 1, 20, ?)"
)
OFFER_ENDED = "UPDATE offers SET ended_at = ?, outcome = 'answered' WHERE id = ?"
ANSWERED = "UPDATE calls SET answered_at = ?, result = 'answered', answered_by = ? WHERE id = ?"
IDLE = "UPDATE members SET idle_since = ? WHERE id = ?"
CLOSED = "UPDATE calls SET ended_at = ?, end_seen = 1 WHERE id = ?"
RELEASED = "DELETE FROM claims WHERE hunt_id = ?"


def line_of(head: bytes, name: bytes) -> bytes:
    """The value of a header."""
    begin = head.find(b"\n" + name + b": ") + len(name) + 3
    return head[begin : head.find(b"\n", begin)]


class Floor:
    """What all calls share."""

    def __init__(self, folder: Path) -> None:
        tape = load(folder / "tape")
        fixed = fixed_ids(tape)
        self.call_id = ids_of_the_switch(tape)[0]
        self.steps: list[tuple[int, Template, bool]] = []
        self.frames = 0
        for item in tape:
            self._note(item, fixed)
        self.own = {each for _, step, _ in self.steps for each in step.ids} - {self.call_id}
        self.log = Template((folder / "log-lines").read_bytes(), fixed)
        self.own |= set(self.log.ids) - {self.call_id}
        self.database = sqlite3.connect(folder / "db", isolation_level=None)
        self.database.execute("PRAGMA synchronous=NORMAL")

    def _note(self, item: Item, fixed: frozenset[bytes]) -> None:
        if item.kind == "command":
            self.steps.append((self.frames, Template(item.data, fixed), b"execute-app-name: bridge" in item.data))
        elif item.kind in ("reply", "event"):
            self.frames += 1

    def write(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        """One transaction."""
        self.database.execute("BEGIN IMMEDIATE")
        for statement, values in statements:
            self.database.execute(statement, values)
        self.database.execute("COMMIT")

    def serve(  # noqa: C901 (no structure: that is the point)
        self, connection: socket.socket, _peer: object
    ) -> None:
        """One call, from its connection to its end."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        values = {each: fresh(each) for each in self.own}
        pilot = b""
        hunt, offer = str(uuid.uuid4()), str(uuid.uuid4())
        step = seen = 0
        group: tuple[int, str, int, str, int] | None = None
        caller = call = name = ""
        answered = False
        received = b""
        while True:
            ready = []
            while step < len(self.steps) and self.steps[step][0] <= seen:
                if self.steps[step][2] and group is not None:
                    opened = (hunt, call, DOMAIN, pilot.decode(), group[1], caller, name, now())
                    self.write((OPEN, opened), (OFFER, (offer, hunt, group[4], group[3], now())))
                ready.append(self.steps[step][1].fill(values))
                step += 1
            if ready:
                connection.sendall(b"".join(ready))
            if step == len(self.steps) and seen == self.frames:
                break
            data = connection.recv(65536)
            if not data:
                break
            received += data
            while (end := received.find(b"\n\n")) >= 0:
                head = received[: end + 1]
                at = head.find(b"Content-Length: ")
                size = int(head[at + 16 : head.find(b"\n", at)]) if at >= 0 else 0
                if len(received) < end + 2 + size:
                    break
                body, received = received[end + 2 : end + 2 + size], received[end + 2 + size :]
                seen += 1
                if group is None:
                    values[self.call_id] = line_of(head, b"Unique-ID")
                    call = values[self.call_id].decode()
                    caller, name = (
                        line_of(head, b"Caller-Caller-ID-" + each).decode() for each in (b"Number", b"Name")
                    )
                    pilot = line_of(head, b"Caller-Destination-Number")
                    self.database.execute("BEGIN")
                    group = self.database.execute(FIND, (DOMAIN, pilot.decode())).fetchall()[0]
                    self.database.execute("COMMIT")
                    values |= numbers(pilot, group[3].encode())
                    self.write((CLAIM, (DOMAIN, group[3], call, hunt)))
                elif body.startswith(b"Event-Name: CHANNEL_BRIDGE") and not answered:
                    answered = True
                    ends = (
                        (OFFER_ENDED, (now(), offer)),
                        (ANSWERED, (now(), group[3], hunt)),
                        (IDLE, (now(), group[2])),
                    )
                    self.write(*ends)
        if group is not None:
            self.write((CLOSED, (now(), hunt)), (RELEASED, (hunt,)), (IDLE, (now(), group[2])))
        sys.stderr.buffer.write(self.log.fill(values))
        sys.stderr.flush()
        connection.close()


def now() -> str:
    """The time as the records hold it."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def main() -> None:
    """Serve until killed."""
    server = StreamServer(("127.0.0.1", 0), Floor(Path(sys.argv[1])).serve, backlog=4096)
    server.start()
    print(server.address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
