"""The daemon keeps the table of pilots of each switch as the groups are."""

from __future__ import annotations

import logging
from dataclasses import replace

import gevent
import pytest

from fshunt.daemon.switches import pilot_tables
from fshunt.freeswitch.pilot_table import INDEX_REALM, OWNER_KEY, REALM
from fshunt.services import groups
from fshunt.services.cluster_health import look
from fshunt.services.cluster_state import Code
from fshunt.simulator.eventsocket import api
from tests.support.rig import DOMAIN, Rig


def rows(rig: Rig) -> dict[str, str]:
    return {key: value for (realm, key), value in rig.switch.kept_values.items() if realm == REALM}


def expect(rig: Rig, **boxes: str) -> None:
    """Wait until the table has these pilots, ``p5000="1001"``, each with its box, and no others."""
    pilots = {name.removeprefix("p"): f"{DOMAIN}|{box}" for name, box in boxes.items()}
    wanted = {key: value for pilot, value in pilots.items() for key in (pilot, f"{pilot}@{DOMAIN}")}
    rig.pass_time_until(lambda: rows(rig) == wanted, f"the table has {boxes}")


def test_the_table_follows_the_groups(watched_rig: Rig) -> None:
    rig = watched_rig
    rig.group("5000", "1001", "1002")
    expect(rig, p5000="1002")
    rig.group("5001", "1003")
    expect(rig, p5000="1002", p5001="1003")
    with rig.store.writing() as s:
        groups.set_group(s, DOMAIN, "5001", voicemail="1009")
    expect(rig, p5000="1002", p5001="1009")
    with rig.store.writing() as s:
        groups.renumber_group(s, DOMAIN, "5001", "5002")
        groups.remove_group(s, DOMAIN, "5000")
    expect(rig, p5002="1009")


def test_a_table_that_somebody_has_emptied_is_written_again(watched_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pilot_tables, "AGAIN_SECONDS", 5.0)
    watched_rig.group("5000", "1001")
    expect(watched_rig, p5000="1001")
    watched_rig.switch.kept_values.clear()
    expect(watched_rig, p5000="1001")


def test_the_table_of_another_database_is_left_and_it_is_said_once(
    watched_rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig, deps = watched_rig, watched_rig.daemon.deps
    rig.switch.kept_values = {(INDEX_REALM, OWNER_KEY): "another", (REALM, "5009"): "else.test|1"}
    tables = pilot_tables.PilotTables(deps.database, deps.monitor, lambda: rig.settings, deps.monotonic)
    for pilot, extension in (("5000", "1001"), ("5001", "1002")):
        rig.group(pilot, extension)
        tables.look()
    assert rows(rig) == {"5009": "else.test|1"}
    said = [each for each in caplog.messages if "its table of pilots belongs to another database" in each]
    assert 1 <= len(said) <= 2, "once by this one, and once by the one that the daemon runs"
    rig.daemon.heartbeat.hurry()
    rig.until(lambda: Code.PILOT_TABLE_NOT_KEPT in problems(rig), "the status tells it")
    rig.switch.kept_values.clear()
    expect(rig, p5000="1001", p5001="1002")
    rig.until(lambda: Code.PILOT_TABLE_NOT_KEPT not in problems(rig), "it is over")


def problems(rig: Rig) -> dict[Code, str]:
    state = look(rig.store, rig.settings.database_url, gevent.sleep)
    return {each.code: each.message for each in state.problems}


def test_without_the_module_nothing_is_warned_of(
    watched_rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(api._TABLE, "db")
    caplog.set_level(logging.INFO)
    watched_rig.group("5000", "1001")
    deps = watched_rig.daemon.deps
    pilot_tables.PilotTables(deps.database, deps.monitor, lambda: watched_rig.settings, deps.monotonic).look()
    assert "table of pilots not kept: it has no table of pilots: mod_db is not loaded." in caplog.text
    assert not [each for each in caplog.records if "table of pilots" in each.message and each.levelno > logging.INFO]


def test_a_group_without_a_box_falls_back_on_the_setting(watched_rig: Rig) -> None:
    rig, deps = watched_rig, watched_rig.daemon.deps
    rig.group("5000")
    expect(rig, p5000="-")
    settings = replace(rig.settings, fallback_box="1999")
    pilot_tables.PilotTables(deps.database, deps.monitor, lambda: settings, deps.monotonic).look()
    assert rows(rig)["5000"] == f"{DOMAIN}|1999"
