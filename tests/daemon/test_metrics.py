"""The metrics for Prometheus, and the lag of the loop."""

import re
from pathlib import Path

import gevent
import pytest
from gevent.event import Event
from prometheus_client.parser import text_string_to_metric_families

from fshunt.daemon.net import loop_lag
from fshunt.daemon.net.loop_lag import LoopLag
from fshunt.daemon.net.metrics import DELAY_BUCKETS_SECONDS, Metrics, _Process
from fshunt.hunting.states import Outcome, Result
from tests.support.waiting import WAIT_SECONDS

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture
def watched() -> Metrics:
    metrics = Metrics()
    metrics.watch(
        hunts=lambda: 3,
        talks=lambda: 2,
        waiting=lambda: 1,
        claims=lambda: 4,
        switches=lambda: {"127.0.0.1:8021": True, "fs2:8021": False},
        database=lambda: False,
        outbox_pending=lambda: 7,
    )
    return metrics


def samples(metrics: Metrics) -> dict[str, float]:
    """All samples as ``name{label="value"}``."""
    return {
        sample.name + "".join(f"{{{name}={value}}}" for name, value in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(metrics.page().decode())
        for sample in family.samples
    }


def test_hunts_are_counted_by_result_and_offers_by_outcome() -> None:
    metrics = Metrics()
    metrics.hunt_ended(Result.ANSWERED)
    metrics.hunt_ended(Result.ANSWERED)
    metrics.offer_ended(Outcome.NO_ANSWER)
    found = samples(metrics)
    assert found["fshunt_hunts_total{result=answered}"] == 2
    assert found["fshunt_offers_total{outcome=no-answer}"] == 1


def test_every_result_and_outcome_is_there_from_the_start_with_0() -> None:
    found = samples(Metrics())
    assert {found[f"fshunt_hunts_total{{result={result}}}"] for result in Result} == {0}
    assert {found[f"fshunt_offers_total{{outcome={outcome}}}"] for outcome in Outcome} == {0}


def test_gauges_are_read_when_the_page_is_requested(watched: Metrics) -> None:
    found = samples(watched)
    assert found["fshunt_hunts_in_progress"] == 3
    assert found["fshunt_answered_calls"] == 2
    assert found["fshunt_queued_callers"] == 1
    assert found["fshunt_claims"] == 4
    assert found["fshunt_switch_watched{switch=127.0.0.1:8021}"] == 1
    assert found["fshunt_switch_watched{switch=fs2:8021}"] == 0
    assert found["fshunt_switch_errors_total{switch=fs2:8021}"] == 0
    assert found["fshunt_database_up"] == 0
    assert found["fshunt_outbox_pending"] == 7


def test_errors_are_counted(watched: Metrics) -> None:
    watched.database_error()
    watched.switch_error("fs2:8021")
    found = samples(watched)
    assert found["fshunt_database_errors_total"] == 1
    assert found["fshunt_switch_errors_total{switch=fs2:8021}"] == 1


def test_the_set_up_delay_and_the_lag_are_histograms() -> None:
    metrics = Metrics()
    metrics.setup_delay(0.02)
    metrics.setup_delay(3.0)
    metrics.loop_lag(0.002)
    found = samples(metrics)
    assert found["fshunt_setup_delay_seconds_bucket{le=0.01}"] == 0
    assert found["fshunt_setup_delay_seconds_bucket{le=0.025}"] == 1
    assert found["fshunt_setup_delay_seconds_bucket{le=+Inf}"] == 2
    assert found["fshunt_setup_delay_seconds_sum"] == pytest.approx(3.02)
    assert found["fshunt_loop_lag_seconds_count"] == 1
    assert list(DELAY_BUCKETS_SECONDS) == sorted(DELAY_BUCKETS_SECONDS)


def test_two_daemons_in_one_process_count_for_themselves() -> None:
    first, second = Metrics(), Metrics()
    first.database_error()
    assert samples(second)["fshunt_database_errors_total"] == 0


def test_the_process_has_metrics_too() -> None:
    found = samples(Metrics())
    assert found["process_resident_memory_bytes"] > 1e6
    assert found["process_open_fds"] > 2
    assert found["process_cpu_seconds_total"] > 0


def test_the_process_has_metrics_where_no_other_file_of_proc_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("/proc/self")  # as the unit has it with ProcSubset=pid
    hidden = {
        sample.name for family in _Process(proc=str(tmp_path), registry=None).collect() for sample in family.samples
    }
    assert {"process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"} <= hidden


def test_every_metric_stands_in_the_page_of_the_metrics_and_no_other(watched: Metrics) -> None:
    told = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(watched.page().decode())
    }
    metrics = PAGE.read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_]+)`", metrics, re.MULTILINE)) == told


def test_a_loop_that_is_held_up_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_lag, "PAUSE_SECONDS", 0.001)
    now, seen, told = [100.0], [], Event()

    def held_up() -> float:
        now[0] += 0.2  # each look at the clock is 200 ms after the one before
        return now[0]

    def note(seconds: float) -> None:
        seen.append(seconds)
        told.set()

    meter = gevent.spawn(LoopLag(note, held_up).run)
    assert told.wait(WAIT_SECONDS)
    meter.kill()
    assert seen[0] == pytest.approx(0.199)


def test_a_loop_that_is_in_time_has_no_lag_and_after_a_stop_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_lag, "PAUSE_SECONDS", 0.001)
    seen, told = [], Event()

    def note(seconds: float) -> None:
        seen.append(seconds)
        told.set()

    # By a clock that is behind, a timer comes early.
    meter = gevent.spawn(LoopLag(note, lambda: 100.0).run)
    assert told.wait(WAIT_SECONDS)
    meter.kill()
    count = len(seen)
    gevent.sleep(0)
    assert seen == [0.0] * count
