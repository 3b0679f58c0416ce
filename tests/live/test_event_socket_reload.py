"""What becomes of calls when the event socket is reloaded, as `fshunt setup` does for a new password (fact 74)."""

from __future__ import annotations

import asyncio
import socket

from fshunt.esl import api, commands
from tests.live.machines import ESL_PASSWORD, Pbx


def reload(pbx: Pbx) -> bytes:
    """Reload it, and return what FreeSWITCH sends from then on, to the end of what it says of the reload."""
    with socket.create_connection(("127.0.0.1", pbx.ports.esl), timeout=10) as line:
        for each in (commands.auth(ESL_PASSWORD), commands.subscribe("BACKGROUND_JOB"), api.reload_event_socket()):
            line.sendall(each.wire)
        said = b""
        while b"module" not in said.partition(b"Job-Command-Arg")[2].replace(b"mod_event_socket", b""):
            said += line.recv(65536)
        return said


async def test_it_is_not_reloaded_while_a_daemon_has_a_call_which_goes_on(lab, admin, daemon, pbx):
    admin.group(members=("1001",))
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    assert b"-ERR unloading module [Module in use.]" in await asyncio.to_thread(reload, pbx)
    assert not lab.seen("1001", "CANCEL")
    caller.leave()
    await lab.until_closed(admin, "abandoned")
