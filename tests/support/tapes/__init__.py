"""Recorded sessions of a real FreeSWITCH 1.10.12, one file a scenario, and how to read them.

``TAPES`` are outbound sessions; ``MONITOR_TAPES`` inbound connections, whose names begin with ``monitor-``.
"""

import json
from dataclasses import dataclass
from pathlib import Path

_ALL = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.jsonl"))}
TAPES = {name: path for name, path in _ALL.items() if not name.startswith("monitor-")}
MONITOR_TAPES = {name: path for name, path in _ALL.items() if name not in TAPES}

_END_OF_FILE = "[EOF]"


@dataclass(frozen=True)
class Line:
    """One frame of a tape."""

    seconds: float
    sender: str
    """``switch`` or ``controller``"""
    text: str


def read_tape(name: str) -> list[Line]:
    """All frames of a tape, both ways, without the mark of the connection's end."""
    lines = [json.loads(line) for line in _ALL[name].read_text().splitlines()]
    return [Line(line["t"], line["from"], line["frame"]) for line in lines if line["frame"] != _END_OF_FILE]


def switch_frames(name: str) -> list[bytes]:
    """What FreeSWITCH sent in a tape, one item a frame."""
    return [line.text.encode() for line in read_tape(name) if line.sender == "switch"]
