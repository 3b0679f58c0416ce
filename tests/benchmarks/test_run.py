"""Each benchmark's command runs, briefly: no figure is judged."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(320),
]  # a busy machine takes minutes to start all that it measures

# With few hunts at a time: what runs beside this keeps its share of the cores.
LEAST = {
    "tests.benchmarks": (
        *("--rates", "10", "--seconds", "0.5", "--rounds", "1", "--saturated", "0.5", "--at-once", "2", "--held", "10"),
    ),
    "tests.benchmarks.scale": ("--seconds", "0.5", "--rounds", "1", "--large", "150", "--rest", "0.5"),
}


@pytest.mark.parametrize("command", LEAST)
def test_a_benchmark_gives_its_figures(command: str) -> None:
    arguments = [sys.executable, "-m", command, *LEAST[command], "--json"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
