"""Whether calls had better be sent here, as a load balancer and systemd see it."""

from __future__ import annotations

import pytest

from tests.support.rig import Rig, end_service


def test_a_daemon_that_takes_calls_and_has_its_database_is_well(light_rig: Rig) -> None:
    well, told = light_rig.daemon.report.health()
    assert well
    assert (told["takes_calls"], told["database"]["ok"]) == (True, True)


@pytest.mark.parametrize("part", ["heartbeat", "outbox writer"])
def test_a_daemon_that_does_not_look_after_its_claims_or_records_any_more_is_not(light_rig: Rig, part: str) -> None:
    daemon = light_rig.daemon
    end_service(daemon, part)
    well, told = daemon.report.health()
    assert not well
    assert not told["takes_calls"]
