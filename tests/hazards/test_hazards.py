"""Each hazard harms bare greenswitch and does not harm us."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hazards.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
ENDLESS_SECONDS = 2.0  # a wait that has no end is called so after this time; longer would only find the same
MANY_SECONDS = 60.0  # for what ends by itself: only a test that fails takes as long

HARM = {
    "forged_headers": {"harmed"},
    "end_of_file_in_a_frame": {"frozen"},
    "lost_peer_while_a_command_waits": {"stuck"},
    "lost_peer_while_a_bridge_waits": {"stuck"},
    "newline_in_an_argument": {"harmed"},
    "completion_of_another_application": {"harmed"},
    "refused_bridge": {"stuck"},
    "result_after_the_linger_notice": {"harmed"},
    "hang_up_of_a_leg": {"harmed"},
    "byte_that_is_not_utf8": {"stuck"},
    "reply_nobody_asked_for": {"stuck"},
    "accept_delay": {"stuck"},
    "flood_on_one_connection": {"frozen", "stuck"},
    "more_connections_than_allowed": {"harmed"},
    "no_more_file_descriptors": {"stuck"},
}


def run(scenario: str, contender: str, seconds: float, errors: int | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.hazards.scenarios", scenario, contender, str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        timeout=seconds + 60,
    )


@pytest.mark.faults
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_bare_greenswitch_is_harmed(scenario: str) -> None:
    seconds = MANY_SECONDS if HARM[scenario] == {"harmed"} else ENDLESS_SECONDS
    # Its errors are discarded: half a frame makes it write megabytes of them.
    assert run(scenario, "bare", seconds, subprocess.DEVNULL).stdout in HARM[scenario]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_we_are_not_harmed(scenario: str) -> None:
    ended = run(scenario, "ours", MANY_SECONDS, subprocess.PIPE)
    assert ended.stdout == "unharmed", ended.stderr[-3000:]
