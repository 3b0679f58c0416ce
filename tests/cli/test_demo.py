"""The demo, as a new user sees it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fshunt.simulator.scenarios.office import CALLS


@pytest.mark.faults
def test_the_demo_shows_twelve_calls_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "FSHUNT_LISTEN": "a setting of this machine's own fshunt"}
    command = [sys.executable, "-m", "fshunt", "demo"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(CALLS) == 12
    for number, call in enumerate(CALLS, start=1):
        assert f"{number:2}  {call.title}: {call.caller_name} calls" in ended.stdout
    for what in (
        "answered after", "busy after", "no-answer after", "declined after", "has no phone registered",
        "abandoned (the caller hung up)", "is claimed by another hunt", "ended: voicemail Eva (1005)",
        "$ fshunt group show 5000", "12 of 12 calls ended as they should.",
    ):  # fmt: skip
        assert what in ended.stdout, what
    assert not re.search(r"\x1b\[", ended.stdout), "no colour where there is no terminal"
    assert list(tmp_path.iterdir()) == []
