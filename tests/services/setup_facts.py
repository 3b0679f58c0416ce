"""Facts for the tests of `fshunt setup`: a host on which all is done, and what a test changes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group, Member
from fshunt.services.setup_facts import (
    DaemonFacts,
    DatabaseFacts,
    DialplanFacts,
    Facts,
    HostFacts,
    LetInBy,
    SettingsFacts,
    SwitchFacts,
)
from fshunt.services.setup_files import EventSocketFile
from fshunt.services.setup_steps import Wishes
from fshunt.settings import Address, LoadedSettings, Settings, WatchedSwitch
from fshunt.settings.model import ROWS

OURS, NEW = "of-this-host", "drawn-for-this-run"
DOMAIN = "pbx.test"
WISHES = Wishes(NEW)
ADDRESS = Address("127.0.0.1", 8021)


def event_socket(password: str, folder: Path = Path("/etc/freeswitch")) -> EventSocketFile:
    content = f'<configuration><settings><param name="password" value="{password}"/></settings></configuration>'
    return EventSocketFile(folder / "event_socket.conf.xml", content.encode(), ADDRESS, password)


def group(*members: str, pilot: str = "5000") -> Group:
    made = tuple(Member(id=n, position=n, address=parse_member(each)) for n, each in enumerate(members, 1))
    return Group(id=1, domain=DOMAIN, pilot=pilot, members=made)


def switch(*phones: str, dialplan: str = "", **changed: Any) -> SwitchFacts:
    context = ElementTree.fromstring(f'<context name="default">{dialplan}</context>')
    made = SwitchFacts(
        LetInBy.ITS_FILE,
        "1.10.12",
        2,
        frozenset((each, DOMAIN) for each in phones),
        DOMAIN,
        None,
        context,
        False,
        frozenset(),
    )
    return replace(made, **changed)


def takes(name: str, number: str, application: str = "answer") -> str:
    """An extension of a dialplan."""
    return (
        f'<extension name="{name}"><condition field="destination_number" expression="^{number}$">'
        f'<action application="{application}" data="127.0.0.1:8084 async full"/></condition></extension>'
    )


def all_done(folder: Path = Path("/etc/fshunt"), **changed: Any) -> Facts:
    """Facts of a host on which nothing is left to do but the test call."""
    watched = WatchedSwitch(*ADDRESS, folder / "event_socket")
    settings = Settings(database_url="sqlite:////nowhere/fshunt.db", switch=(watched,))
    sources = dict.fromkeys(ROWS, "default") | {"switch": "file"}
    made = Facts(
        conf=Path("/etc/freeswitch"),
        socket=event_socket(OURS),
        switch=switch("1001", "1002", dialplan=takes("fshunt", "5000", "socket")),
        silence=None,
        settings=SettingsFacts(folder / "fshunt.toml", b"", LoadedSettings(settings, folder / "fshunt.toml", sources)),
        watched=watched,
        password_file=folder / "event_socket",
        kept=OURS,
        database=DatabaseFacts(True, "The database is up to date.", identity="id-1", groups=(group("1001", "1002"),)),
        host=HostFacts("root", True, True, 990, True, True, (), False, True),
        daemon=DaemonFacts(True, database_id="id-1"),
        dialplan=DialplanFacts(
            "default", folder, folder / "00_fshunt.xml", None, before=frozenset({"ivr_demo", "park"})
        ),
    )
    return replace(made, **changed)


def without_switch(settings: SettingsFacts) -> SettingsFacts:
    """The settings before they name FreeSWITCH."""
    assert settings.loaded is not None
    sources = {**settings.loaded.sources, "switch": "default"}
    loaded = replace(settings.loaded, settings=replace(settings.loaded.settings, switch=()), sources=sources)
    return replace(settings, content=None, loaded=loaded)
