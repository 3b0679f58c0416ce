"""What Prometheus is told (docs/metrics.md lists it).

Labels have values of closed sets only: results, outcomes, and the switches of the configuration. Nobody who calls can
make a new series.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fshunt import __version__
from fshunt.hunting.features import FeatureResult
from fshunt.hunting.states import Outcome, Result

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

DELAY_BUCKETS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Set-up delay: a few milliseconds as a rule; beyond a second the caller was made to wait for us."""

LAG_BUCKETS_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Lag of the loop: beyond a tenth of a second phones ring noticeably too long."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each counter, which nobody needs


class Metrics:
    """What is counted and measured, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        _Process(registry=self._registry)
        Gauge("fshunt_info", "1; the label says which version runs.", ["version"], registry=self._registry).labels(
            __version__
        ).set(1)
        self._hunts = self._counter("fshunt_hunts", "Hunts whose records were closed, by result.", "result", Result)
        self._offers = self._counter("fshunt_offers", "Offers to members that ended, by outcome.", "outcome", Outcome)
        self._features = self._counter(
            "fshunt_feature_calls", "Calls to feature codes, by what became of them.", "result", FeatureResult
        )
        self._notices = self._counter(
            "fshunt_notices", "Tries to send a notice, by whether it was taken.", "result", ("sent", "not-sent")
        )
        self._database_errors = self._counter(
            "fshunt_database_errors", "Steps of calls that went on without the database: it failed, or was too slow."
        )
        self._switch_errors = self._counter(
            "fshunt_switch_errors", "Times a watched switch could not be reached or was lost.", "switch"
        )
        self._lamps_told = self._counter(
            "fshunt_lamp_events", "Events by which a switch was told what lamps show.", "switch"
        )
        self._lamps_watched = self._counter(
            "fshunt_lamp_subscriptions", "Subscriptions to lamps that were heard of, begun or renewed.", "switch"
        )
        self._setup_delay = Histogram(
            "fshunt_setup_delay_seconds",
            "From the moment a call is taken to its first command to ring.",
            buckets=DELAY_BUCKETS_SECONDS,
            registry=self._registry,
        )
        self._loop_lag = Histogram(
            "fshunt_loop_lag_seconds",
            "How late the event loop woke a timer.",
            buckets=LAG_BUCKETS_SECONDS,
            registry=self._registry,
        )

    def hunt_ended(self, result: Result) -> None:
        """Count a hunt. The daemon that closes its record does, so that it counts once over all daemons and runs."""
        self._hunts.labels(result).inc()

    def offer_ended(self, outcome: Outcome) -> None:
        """Count an offer."""
        self._offers.labels(outcome).inc()

    def feature_call(self, result: FeatureResult) -> None:
        """Count a call to a feature code."""
        self._features.labels(result).inc()

    def notice_tried(self, sent: bool) -> None:
        """Count a try to send a notice."""
        self._notices.labels("sent" if sent else "not-sent").inc()

    def setup_delay(self, seconds: float) -> None:
        """Note how long a call took from its being taken to its first command to ring."""
        self._setup_delay.observe(seconds)

    def database_error(self) -> None:
        """Count a step that continues without the database."""
        self._database_errors.inc()

    def switch_error(self, switch: str) -> None:
        """Count a loss of a watched switch; ``switch`` is its name in the configuration."""
        self._switch_errors.labels(switch).inc()

    def lamps_told(self, switch: str, events: int) -> None:
        """Count events to a switch about lamps."""
        self._lamps_told.labels(switch).inc(events)

    def lamp_watched(self, switch: str) -> None:
        """Count a subscription to a lamp at a switch."""
        self._lamps_watched.labels(switch).inc()

    def loop_lag(self, seconds: float) -> None:
        """Note how late the loop was."""
        self._loop_lag.observe(seconds)

    def watch(
        self,
        *,
        hunts: Callable[[], int],
        talks: Callable[[], int],
        waiting: Callable[[], int],
        claims: Callable[[], int],
        switches: Callable[[], Mapping[str, bool]],
        database: Callable[[], bool],
        outbox_pending: Callable[[], int],
    ) -> None:
        """Show how things are whenever somebody asks; once. ``switches`` tells of each whether it is watched."""
        for name in switches():
            for counter in (self._switch_errors, self._lamps_told, self._lamps_watched):
                counter.labels(name)
        self._gauge("fshunt_hunts_in_progress", "Callers who are being hunted for now.", hunts)
        self._gauge(
            "fshunt_answered_calls", "Answered calls, and callers in voicemail, that the daemon still follows.", talks
        )
        self._gauge("fshunt_queued_callers", "Callers who wait for a busy member.", waiting)
        self._gauge("fshunt_claims", "Members whom this daemon rings or holds.", claims)
        self._gauge("fshunt_database_up", "Whether calls can use the database (1) or go on without (0).", database)
        self._gauge("fshunt_outbox_pending", "Writes that the database has not taken yet.", outbox_pending)
        self._registry.register(_Switches(switches))

    def page(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, words: str, label: str | None = None, values: Iterable[str] = ()) -> Counter:
        made = Counter(name, words, [label] if label else [], registry=self._registry)
        for value in values:
            made.labels(value)  # a series that is there from the start, with 0, is one that a rate can be taken of
        return made

    def _gauge(self, name: str, words: str, value: Callable[[], float]) -> None:
        Gauge(name, words, registry=self._registry).set_function(value)


class _Switches(Collector):
    """Which of the configured switches are watched."""

    def __init__(self, switches: Callable[[], Mapping[str, bool]]) -> None:
        self._switches = switches

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "fshunt_switch_watched", "Whether a switch is watched (1) or cut off (0).", labels=["switch"]
        )
        for name, watched in self._switches().items():
            family.add_metric([name], watched)
        yield family


class _Process(ProcessCollector):
    """RotationPointer, processor time and file descriptors of the process, as all programs with Prometheus tell them.

    The unit lets the daemon see no file of /proc but its own, so when the machine was started comes from its clocks.
    """

    def _boot_time(self) -> float:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
