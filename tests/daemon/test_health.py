"""Whether calls had better be sent here, as a load balancer and systemd see it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fshunt.db.queries import daemons
from fshunt.db.queries.identity import database_id
from fshunt.db.queries.overview import overview
from fshunt.services.cluster_health import state_of
from fshunt.services.serialize import status_json
from fshunt.simulator.core.phones import answers
from tests.support.rig import Rig, end_service


def test_a_daemon_that_takes_calls_and_has_its_database_is_well(light_rig: Rig) -> None:
    well, told = light_rig.daemon.report.health()
    assert well
    assert (told["takes_calls"], told["database"]["ok"]) == (True, True)


def test_health_names_the_database(light_rig: Rig) -> None:
    with light_rig.store.reading() as s:
        own = database_id(s)
    assert own
    light_rig.until(lambda: light_rig.daemon.report.health()[1]["database"]["id"] == own, "the heartbeat has read it")


@pytest.mark.parametrize("part", ["heartbeat", "outbox writer"])
def test_a_daemon_that_does_not_look_after_its_claims_or_records_any_more_is_not(light_rig: Rig, part: str) -> None:
    daemon = light_rig.daemon
    end_service(daemon, part)
    well, told = daemon.report.health()
    assert not well
    assert not told["takes_calls"]


def status_of(rig: Rig) -> dict[str, Any]:
    """What `fshunt status --json` prints of what the daemon publishes now."""
    published, now = rig.daemon.report.for_heartbeat()[0], datetime.now(UTC)
    run_id = rig.daemon.deps.run_id
    with rig.store.writing() as s:
        daemons.write_heartbeat(s, run_id, node="here", started_at=now, at=now, status=published)
        return status_json(state_of(overview(s, datetime.now(UTC)), datetime.now(UTC)))


def test_fshunt_status_reads_all_that_a_daemon_publishes(light_rig: Rig) -> None:
    [daemon] = status_of(light_rig)["daemons"]
    unknown = {name for name, value in daemon.items() if value is None}
    assert unknown == {"http_listen", "database_since", "database_error"}
    assert (daemon["hunts"], daemon["answered_calls"], daemon["queued"], daemon["taken_over_calls"]) == (0, 0, 0, 0)
    assert (daemon["database_ok"], daemon["pending_writes"]) == (True, 0)


def test_fshunt_status_notes_a_service_that_was_restarted(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [each for each in status_of(light_rig)["notes"] if each["service"]]

    def fails(_seconds: float) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError

    monkeypatch.setattr(light_rig.daemon.deps.metrics._loop_lag, "observe", fails)
    light_rig.until(lambda: [each for each in status_of(light_rig)["notes"] if each["service"]], "the restart is noted")
    [note] = [each for each in status_of(light_rig)["notes"] if each["service"]]
    assert (note["service"], note["code"]) == ("loop lag", "service-failing"), "it has not run for long enough"


def unregistered_groups(rig: Rig) -> list[str]:
    """The groups of which `fshunt status` says that no member has had a phone."""
    return [each["pilot"] for each in status_of(rig)["problems"] if each["code"] == "group-unregistered"]


@pytest.mark.parametrize("policy", ["circular", "simultaneous"])
def test_fshunt_status_names_a_group_whose_callers_find_no_phone_until_one_does(light_rig: Rig, policy: str) -> None:
    light_rig.group("5000", "1001", "1002", policy=policy, voicemail="1001")
    assert [light_rig.call().reason for _ in range(3)] == ["nobody reachable"] * 3
    assert unregistered_groups(light_rig) == ["5000"]
    light_rig.phones("1002", behaviour=answers(0.05, talks=0.05))
    assert light_rig.call().result == "answered"
    assert unregistered_groups(light_rig) == []
