"""A FreeSWITCH that sends events as fast as they are read: ``python -m tests.hazards.flood PORT``."""

import socket
import sys
from contextlib import suppress

from tests.support.conversation import CONNECTED, event

EVENTS = event("CHANNEL_PARK", ("variable_switch_r_sdp", "v=0\r\n" * 1200)) * 100


def main(port: int) -> None:
    """Floods until the other side has gone."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.recv(100)
    sock.sendall(CONNECTED + EVENTS)
    print("flooding", flush=True)
    with suppress(OSError):
        while True:
            sock.sendall(EVENTS)


if __name__ == "__main__":
    main(int(sys.argv[1]))
