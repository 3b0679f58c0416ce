"""A simulated switch in a thread of its own, as the command line's plain sockets need it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import gevent

from fshunt.simulator.switch import SimulatedSwitch
from tests.support.waiting import WAIT_SECONDS

PASSWORD = "of-the-simulated-switch"


@contextmanager
def simulated_switch(folder: Path, setting: Callable[[SimulatedSwitch], Callable[[], bool]]) -> Iterator[str]:
    """The value of FSHUNT_SWITCH; ``setting`` makes phones and calls, and returns when they are in place."""
    ports: Queue[int] = Queue()
    threads_own: list[gevent.hub.Hub] = []
    stopping = gevent.event.Event()

    def live() -> None:
        switch = SimulatedSwitch([], domain="pbx.test")
        port = switch.serve_inbound(PASSWORD)
        ready = setting(switch)
        wake = gevent.get_hub().loop.async_()
        wake.start(stopping.set)
        threads_own.append(wake)
        while not ready():
            gevent.sleep(0.01)
        ports.put(port)
        stopping.wait()
        switch.stop()
        switch.close_inbound()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    port = ports.get(timeout=WAIT_SECONDS)
    file = folder / "password"
    file.write_text(f"{PASSWORD}\n")
    try:
        yield f"127.0.0.1:{port}={file}"
    finally:
        threads_own[0].send()
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()
