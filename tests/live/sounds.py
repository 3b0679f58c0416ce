"""Sounds that are told apart by their pitch: music that rises, so that its pitch is its time, and a member's tone."""

from __future__ import annotations

import itertools
import math
import struct
import wave
from collections.abc import Mapping
from pathlib import Path

from tests.live.keys import HEAD, PCMU

RATE = 8000
FIRST_HERTZ, HERTZ_PER_SECOND, MUSIC_SECONDS = 1000.0, 30.0, 50
"""Above all other tones of the tests."""
MEMBER_HERTZ = 250
STRETCH_SECONDS = 0.06
"""So much sound gives its pitch to some Hertz."""
LOUDNESS = 8000
MOST_CHANGE = 1.6
"""How much longer one wave may be than another of the same tone; a pause or another tone makes a greater difference."""

Stretch = tuple[float, list[int]]
"""A piece of sound, and when it began to be heard."""


def write_rising_tone(path: Path, seconds: float = MUSIC_SECONDS) -> Path:
    """Write a sound file of a tone that rises all the time."""
    phases = (_rising(n / RATE) for n in range(round(RATE * seconds)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(struct.pack("<h", round(LOUDNESS * math.sin(phase))) for phase in phases))
    return path


def write_steady_tone(path: Path, hertz: float, seconds: float = 0.8) -> Path:
    """Write a sound file of one tone; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        waves = (math.sin(2 * math.pi * hertz * n / RATE) for n in range(int(RATE * seconds)))
        file.writeframes(b"".join(struct.pack("<h", round(LOUDNESS * each)) for each in waves))
    return path


def _rising(seconds: float) -> float:
    return 2 * math.pi * (FIRST_HERTZ * seconds + HERTZ_PER_SECOND * seconds * seconds / 2)


def music_heard(stretches: list[Stretch]) -> list[tuple[float, float]]:
    """The stretches of the rising tone: when each was heard, and at which second of the music it is."""
    pitches = [(at, _pitch(samples)) for at, samples in stretches]
    return [(at, (hertz - FIRST_HERTZ) / HERTZ_PER_SECOND) for at, hertz in pitches if hertz >= FIRST_HERTZ]


def member_heard(stretches: list[Stretch]) -> list[float]:
    """When a member's tone was heard."""
    return [at for at, samples in stretches if abs(_pitch(samples) - MEMBER_HERTZ) < 2]


def tones_heard(stretches: list[Stretch], tones: Mapping[str, float]) -> list[str]:
    """Which of these tones were heard, by their names and in order; one that lasts counts once."""
    pitches = (_pitch(samples) for _, samples in stretches)
    names = (next((name for name, hertz in tones.items() if abs(pitch - hertz) < 8), None) for pitch in pitches)
    return [name for name, _ in itertools.groupby(names) if name is not None]


def _pitch(samples: list[int]) -> float:
    """The pitch of a tone, in Hertz; 0 for anything but one tone."""
    crossings = [
        n - 1 + before / (before - after)
        for n, (before, after) in enumerate(itertools.pairwise(samples), 1)
        if before <= 0 < after
    ]
    waves = [later - earlier for earlier, later in itertools.pairwise(crossings)]
    if not waves or max(waves) > MOST_CHANGE * min(waves):
        return 0.0
    return RATE * len(waves) / sum(waves)


def stretches(packets: list[tuple[float, bytes]]) -> list[Stretch]:
    """Put packets of PCMU together to stretches that are long enough to have a pitch; the rest is left out."""
    found: list[Stretch] = []
    for at, packet in packets:
        if packet[1] & 0x7F != PCMU:
            continue
        if not found or len(found[-1][1]) >= STRETCH_SECONDS * RATE:
            found.append((at, []))
        found[-1][1].extend(_LINEAR[byte] for byte in packet[HEAD:])
    return [stretch for stretch in found if len(stretch[1]) >= STRETCH_SECONDS * RATE]


def _linear(code: int) -> int:
    """A byte of PCMU as a sample of 16 bits (ITU-T G.711)."""
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + 132 << ((code >> 4) & 7)) - 132
    return -size if code & 0x80 else size


_LINEAR = [_linear(code) for code in range(256)]


AUDIBLE = 500
"""A sample of a sound that can be heard is beyond this."""


def is_heard(stretches: list[Stretch]) -> bool:
    """Whether there is any sound but silence."""
    return any(max(map(abs, samples)) > AUDIBLE for _, samples in stretches)
