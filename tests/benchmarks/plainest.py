"""greenswitch's own server with the simplest hunt: ring one phone, and hang up at the end of the call.

No group, no database, no records, no claims: what fshunt's figures are set beside. Prints the port it listens on.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from greenswitch import OutboundESLServer
from greenswitch.esl import OutboundSessionHasGoneAway

MAX_CALLS = 5000


class PlainestHunt:
    """One call."""

    def __init__(self, session: Any) -> None:
        self.session = session

    def run(self) -> None:
        """Ring the phone of the pilot, 1000 for 5000, in the domain named on the command line."""
        try:
            self.session.myevents()
            self.session.linger(5)
            self.session.call_command("set", "hangup_after_bridge=true")
            extension = f"1{self.session.session_data['Caller-Destination-Number'][1:]}"
            self.session.bridge(f"[leg_timeout=20]user/{extension}@{sys.argv[1]}", block=True, response_timeout=600)
            self.session.hangup()
        except OutboundSessionHasGoneAway:
            return


def main() -> None:
    """Listen at a free port until killed."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    print(port, flush=True)
    OutboundESLServer("127.0.0.1", port, PlainestHunt, MAX_CALLS).listen()


if __name__ == "__main__":
    main()
