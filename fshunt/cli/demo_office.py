"""The office of ``fshunt demo --web``: its database with groups, accounts and past calls, and its processes."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from fshunt.cli.demo_past import NODE, write_past
from fshunt.cli.demo_processes import TAKES_CALLS, database_in, environment, running
from fshunt.db import migrate
from fshunt.db.engine import Store, open_store
from fshunt.errors import FshuntError
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group, WhenBusy
from fshunt.hunting.hours import check_zone
from fshunt.hunting.hours_text import parse_week
from fshunt.hunting.ringtime import RingTime
from fshunt.services import accounts, groups, hours, members, passwords
from fshunt.services.audit import Actor, Entrance, acting
from fshunt.services.users import Role
from fshunt.settings import Address
from fshunt.simulator.scenarios.workday import DOMAIN, RECEPTION, SALES, SUPPORT
from fshunt.simulator.switch import SimulatedSwitch

PROVIDER, ADMIN, MEMBER = "paula", "olga", f"1002@{DOMAIN}"
GIVEN = (SALES, SUPPORT)
"""The groups that the administrator looks after."""

OFFERED = "bcdfghjkmnpqrstvwxyz23456789"
"""What passwords are made of: no vowels, so no words, and nothing that looks like something else."""

CALLS_A_DAY = {SALES: 14, SUPPORT: 9, RECEPTION: 4}
VOICEMAIL_BOX = "1001"
"""The dialplan's fallback."""

PAGES = re.compile(r"web pages at (http://\S+)")


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in; ``password`` is made for this run."""

    name: str
    role: Role
    password: str


@dataclass(frozen=True, slots=True)
class WebOffice:
    """The office while it runs: the address of its pages, who may sign in, its switch and its database."""

    address: str
    accounts: tuple[Account, ...]
    switch: SimulatedSwitch
    database_url: str


@contextmanager
def web_office(listen: Address) -> Iterator[WebOffice]:
    """Run the office: a database in a temporary folder, the daemon, the pages and a simulated FreeSWITCH.

    Nothing is left behind. Raises FshuntError, with one sentence, if the pages cannot be served at ``listen``.
    """
    with tempfile.TemporaryDirectory(prefix="fshunt-demo-") as folder:
        url, secret = database_in(folder), Path(folder) / "event-socket-password"
        migrate.upgrade(url, report=lambda _line: None)
        plain = environment(url, folder, http_listen="127.0.0.1:0", node_name=NODE, shared_members=DOMAIN)
        # First of all: an address that another program has is told at once.
        with running("The web process", ["web", "--listen", str(listen)], plain, PAGES) as address:
            secret.write_text(secrets.token_urlsafe() + "\n")
            secret.chmod(0o600)
            known = make_office(url)
            switch = SimulatedSwitch([], domain=DOMAIN, voicemail_seconds=10)
            port = switch.serve_inbound(secret.read_text().strip())
            watching = plain | {"FSHUNT_SWITCH": f"127.0.0.1:{port}={secret}"}
            with running("The daemon", ["serve"], watching, TAKES_CALLS) as takes_calls:
                switch.use_controllers([("127.0.0.1", int(takes_calls))], fallback_box=VOICEMAIL_BOX)
                try:
                    yield WebOffice(address, known, switch, url)
                finally:
                    switch.stop()
                    switch.close_inbound()


def make_office(url: str) -> tuple[Account, ...]:
    """Fill a database: three groups, somebody of each role, and the calls of the last weeks."""
    known = tuple(
        Account(name, role, new_password())
        for name, role in ((PROVIDER, Role.PROVIDER), (ADMIN, Role.ADMIN), (MEMBER, Role.MEMBER))
    )
    hashes = {each.name: passwords.hash_password(each.password) for each in known}
    store = open_store(url)
    try:
        with store.writing() as s:
            acting(s, Actor(PROVIDER, Entrance.PAGE, "127.0.0.1"))
            made = _make_groups(s)
            for each in known:
                extension, at, domain = each.name.partition("@")
                accounts.add_user(
                    s, each.name, each.role, domain=domain or None, extension=extension if at else None,
                    password_hash=hashes[each.name],
                )  # fmt: skip
            for pilot in GIVEN:
                accounts.grant(s, ADMIN, DOMAIN, pilot)
        now = datetime.now().astimezone()
        for group in made:
            write_past(store, group, now=now, a_day=CALLS_A_DAY[group.pilot], noted_by=ADMIN)
        _change_a_little(store)
    finally:
        store.close()
    return known


def new_password() -> str:
    """Return a password that is easy to type: three groups of five characters."""
    return "-".join("".join(secrets.choice(OFFERED) for _ in range(5)) for _ in range(3))


def local_zone() -> str:
    """Return the name of this machine's time zone; UTC where it has none."""
    _, _, name = os.path.realpath("/etc/localtime").partition("/zoneinfo/")
    try:
        return check_zone(name)
    except FshuntError:
        return "UTC"


def _make_groups(s: Session) -> list[Group]:
    zone = local_zone()
    groups.add_group(
        s, DOMAIN, SALES, name="Sales", policy="circular", ring_time=RingTime(rings=3), voicemail="1005",
        when_busy=WhenBusy.QUEUE, wrap_up_seconds=5, hunt_timeout=120, prefix="Sales", time_zone=zone,
    )  # fmt: skip
    groups.add_group(
        s, DOMAIN, SUPPORT, name="Support", policy="uniform", ring_time=RingTime(rings=2), voicemail="1101",
        auto_block=5, cycles=2, time_zone=zone,
    )  # fmt: skip
    groups.add_group(
        s, DOMAIN, RECEPTION, name="Reception", policy="regular", ring_time=RingTime(rings=4), time_zone=zone
    )
    listed = {
        SALES: ("1001", "1002", "1003", "1004", "1005"),
        SUPPORT: ("1101", "1102", "1103", "1002"),
        RECEPTION: ("1001", "1005"),
    }
    return [
        members.add_members(s, DOMAIN, pilot, [parse_member(e) for e in listed[pilot]], shared=True) for pilot in listed
    ]


def _change_a_little(store: Store) -> None:
    """Changes of several people, so that there is a history, and a member who takes no calls."""
    with store.writing() as s:
        acting(s, Actor(ADMIN, Entrance.PAGE, "127.0.0.1"))
        members.move_member(s, DOMAIN, SALES, parse_member("1003"), 2)
        members.set_member(s, DOMAIN, SALES, parse_member("1001"), ring_time=RingTime(rings=4))
        groups.set_group(s, DOMAIN, SUPPORT, wrap_up_seconds=10.0)
    with store.writing() as s:
        acting(s, Actor(PROVIDER, Entrance.COMMAND_LINE))
        hours.set_hours(s, DOMAIN, RECEPTION, parse_week(("mon-fri", "08:00-12:00,13:00-17:00")))
    with store.writing() as s:
        acting(s, Actor(f"1102@{DOMAIN}", Entrance.PAGE, "127.0.0.1"))
        members.block(s, DOMAIN, "1102", True, until=datetime.now(UTC) + timedelta(hours=2))
