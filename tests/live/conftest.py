"""The fixtures of the live tests: one FreeSWITCH for all of them, and new phones, database and daemon for each."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.machines import DOMAIN, Daemon, Pbx, Ports, find_freeswitch
from tests.live.sip_phones import Lab

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    found = find_freeswitch()
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("live")
            if isinstance(found, str):
                item.add_marker(pytest.mark.skip(reason=found))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test on the loop of its phones."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    loop = pyfuncitem.funcargs["loop"]
    assert isinstance(loop, asyncio.AbstractEventLoop), "an asynchronous test uses the lab"
    loop.run_until_complete(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(scope="session")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pbx]:
    found = find_freeswitch()
    assert not isinstance(found, str)
    switch = Pbx(found, tmp_path_factory.mktemp("pbx"), Ports.choose())
    try:
        switch.start()
        yield switch
    finally:
        switch.stop()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def lab(pbx: Pbx, loop: asyncio.AbstractEventLoop) -> Iterator[Lab]:
    """Phones 1001 to 1003, registered, that ring until a test changes that."""
    lab = loop.run_until_complete(Lab.start(pbx.sip, DOMAIN, pbx.ports.lab))
    try:
        loop.run_until_complete(lab.register("1001", "1002", "1003"))
        yield lab
    finally:
        loop.run_until_complete(lab.stop())
        pbx.until_idle()


@pytest.fixture
def before(pbx: Pbx) -> Iterator[Callable[..., None]]:
    """Have the dialplan do this before a call comes to a pilot."""

    def do(*actions: tuple[str, str]) -> None:
        done = "".join(f'<action application="{name}" data="{data}"/>' for name, data in actions)
        extension = f'<extension name="before" continue="true"><condition>{done}</condition></extension>\n  '
        pilots = '<extension name="fshunt-pilots">'
        pbx.load_dialplan(pbx.shipped_dialplan().replace(pilots, extension + pilots))

    yield do
    pbx.load_dialplan(pbx.shipped_dialplan())


class Admin:
    """An administrator at the command line, on the database of the test."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon

    def __call__(self, *arguments: str) -> str:
        return self.daemon.run(*arguments)

    def group(self, *options: str, members: tuple[str, ...] = ("1001", "1002", "1003")) -> None:
        """Add group 5000 with these options and members."""
        self("group", "add", "5000", *options)
        if members:
            self("member", "add", "5000", *members)

    def calls(self) -> list[dict[str, Any]]:
        """The records of all calls, oldest first, with their offers and skips."""
        listed = json.loads(self("call", "list", "--json"))["calls"]
        return [json.loads(self("call", "show", "--json", "--", call["uuid"]))["call"] for call in reversed(listed)]


@pytest.fixture
def second_daemon(pbx: Pbx, admin: Admin, tmp_path: Path) -> Iterator[Daemon]:
    """A further daemon on the same database, at the second address of the dialplan."""
    other = Daemon(tmp_path, pbx.ports.addresses, 1)
    yield other
    other.stop()


@pytest.fixture
def daemon(pbx: Pbx, tmp_path: Path) -> Iterator[Daemon]:
    """The daemon at the first address of the dialplan, started; it has a migrated and empty database."""
    daemon = Daemon(tmp_path, pbx.ports.addresses)
    daemon.run("db", "upgrade")
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
def watching(pbx: Pbx, daemon: Daemon) -> Daemon:
    """The daemon, started again so that it watches the switch."""
    daemon.watch(pbx)
    daemon.restart()
    return daemon


@pytest.fixture
def admin(daemon: Daemon) -> Admin:
    return Admin(daemon)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show the phones' events and the daemon's log with a failure."""
    report = yield
    values = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed:
        if "lab" in values:
            report.sections.append(("phones", "\n".join(map(str, values["lab"].log))))
        if "daemon" in values:
            report.sections.append(("daemon", values["daemon"].log()[-8000:]))
    return report
