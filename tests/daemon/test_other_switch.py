"""Members whose phones are registered at another switch than the caller's (design, section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fshunt.settings import WatchedSwitch
from fshunt.simulator.core.phones import answers
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.ports import held_port, number_of
from tests.support.rig import DOMAIN, PASSWORD, Rig, light, passed, rang

TALKS = answers(0.02, talks=0.05)


@contextmanager
def two_switches(url: str, folder: Path, dial: str | None) -> Iterator[tuple[Rig, SimulatedSwitch, str]]:
    """A daemon that watches the caller's switch and another one; ``dial`` is the route to the other one."""
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    with held_port() as held, held_port() as also_held:
        own, other = number_of(held), number_of(also_held)
        watched = (
            WatchedSwitch("127.0.0.1", own, password),
            WatchedSwitch("127.0.0.1", other, password, dial),
        )
        with light(url, switch=watched) as rig:
            second = SimulatedSwitch([("127.0.0.1", 1)], domain=DOMAIN)
            rig.switch.serve_inbound(PASSWORD, own)
            second.serve_inbound(PASSWORD, other)
            rig.until(lambda: rig.daemon.deps.monitor.watched, "both switches are watched")
            try:
                yield rig, second, watched[1].name
            finally:
                rig.switch.close_inbound()
                second.close_inbound()


def registered_at(rig: Rig, switch: SimulatedSwitch, extension: str) -> None:
    switch.phone(extension)
    monitor = rig.daemon.deps.monitor
    rig.until(lambda: monitor.look(DOMAIN, extension).registered, f"{extension} is seen registered")


@pytest.mark.parametrize("only", [True, False])
def test_a_member_at_another_switch_is_skipped_with_its_name(sqlite_url: str, tmp_path: Path, only: bool) -> None:
    with two_switches(sqlite_url, tmp_path, None) as (rig, second, name):
        rig.group("5000", "1001", *([] if only else ["1002"]))
        if not only:
            rig.phones("1002", behaviour=TALKS)
        registered_at(rig, second, "1001")
        record = rig.call()
        (skip,) = record.skips
        assert (skip.extension, skip.reason, skip.detail) == ("1001", "other-switch", name)
        assert record.reason == ("nobody reachable" if only else None)
        assert rang(record) == ([] if only else [("1002", "answered")])


def test_a_member_at_another_switch_is_rung_by_the_route_to_it(sqlite_url: str, tmp_path: Path) -> None:
    with two_switches(sqlite_url, tmp_path, "sofia/gateway/second/{user}") as (rig, second, _name):
        rig.group("5000", "1001")
        registered_at(rig, second, "1001")
        rig.switch.gateway("second").add("1001", TALKS)
        record = rig.call()
        assert (rang(record), passed(record)) == ([("1001", "answered")], [])


def test_a_phone_at_the_callers_own_switch_comes_first(sqlite_url: str, tmp_path: Path) -> None:
    with two_switches(sqlite_url, tmp_path, "sofia/gateway/second/{user}") as (rig, second, _name):
        rig.group("5000", "1001")
        registered_at(rig, second, "1001")
        (phone,) = rig.phones("1001", behaviour=TALKS)
        record = rig.call()
        assert (rang(record), passed(record)) == ([("1001", "answered")], [])
        assert len(phone.rings) == 1
