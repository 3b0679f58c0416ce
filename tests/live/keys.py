"""A key of a phone as it travels in the sound: by RFC 2833, or as the two tones themselves."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator

PACKET_SECONDS = 0.02
SAMPLES = 160
EVENT_TYPE = 101
PCMU = 0
KEYS = "123A456B789C*0#D"
EVENTS = "0123456789*#ABCD"
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
HEAD = 12
LOUD = 0x40
"""A byte of PCMU has its bits inverted: the louder, the smaller without its sign; 0x7f is silence."""
TONE_PACKETS, SILENT_PACKETS = 10, 10


def _packets(payloads: list[bytes], kind: int, *, one_time: bool) -> Iterator[bytes]:
    source, first, began = random.getrandbits(32), random.getrandbits(15), random.getrandbits(30)
    for n, payload in enumerate(payloads):
        time = began if one_time else began + n * SAMPLES
        mark = 0x80 if n == 0 else 0
        yield struct.pack("!BBHII", 0x80, kind | mark, first + n, time, source) + payload


def telephone_event(digit: str) -> Iterator[bytes]:
    """The packets of one key by RFC 2833: eight while it is held, and three that say that it was let go."""
    code = EVENTS.index(digit)
    lengths = [*((False, n * SAMPLES) for n in range(1, 9)), *((True, 8 * SAMPLES) for _ in range(3))]
    payloads = [struct.pack("!BBH", code, 0x80 * ended | 10, length) for ended, length in lengths]
    return _packets(payloads, EVENT_TYPE, one_time=True)


def tone(digit: str) -> Iterator[bytes]:
    """The packets of sound with the two tones of one key, silence around them."""
    low, high = LOW[KEYS.index(digit) // 4], HIGH[KEYS.index(digit) % 4]
    silence = bytes([0xFF]) * SAMPLES
    sounds = [
        bytes(_mu_law(_sample(low, n) + _sample(high, n)) for n in range(i * SAMPLES, (i + 1) * SAMPLES))
        for i in range(TONE_PACKETS)
    ]
    payloads = [silence] * SILENT_PACKETS + sounds + [silence] * SILENT_PACKETS
    return _packets(payloads, PCMU, one_time=False)


def steady_tone(hertz: float, seconds: float) -> Iterator[bytes]:
    """The packets of a tone."""
    count = int(seconds / PACKET_SECONDS)
    sounds = [bytes(_mu_law(_sample(hertz, n)) for n in range(i * SAMPLES, (i + 1) * SAMPLES)) for i in range(count)]
    return _packets(sounds, PCMU, one_time=False)


def is_loud(packet: bytes) -> bool:
    """Whether a packet of PCMU can be heard."""
    return packet[1] & 0x7F == PCMU and any(byte & 0x7F < LOUD for byte in packet[HEAD:])


def _sample(hertz: float, n: int) -> float:
    return 8000 * math.sin(2 * math.pi * hertz * n / 8000)


def _mu_law(value: float) -> int:
    """A sample of 16 bits as one byte (ITU-T G.711)."""
    sign = 0x80 if value < 0 else 0
    size = min(int(abs(value)), 32635) + 132
    exponent = size.bit_length() - 8
    return ~(sign | (exponent << 4) | ((size >> (exponent + 3)) & 0x0F)) & 0xFF
