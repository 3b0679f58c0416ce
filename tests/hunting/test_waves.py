"""How many members ring together where the switch does not ring all phones at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.hunting.waves import size_of_wave


@pytest.mark.parametrize(
    ("phones", "room", "size"),
    [
        ([], 128, 0),
        ([1, 1, 1], 128, 3),
        ([1] * 130, 128, 128),
        ([1, 2], 2, 1),
        ([2, 1], 3, 2),
        ([3, 1], 2, 1),
        ([1, 3, 1], 2, 1),
        ([1, 1], 0, 0),
    ],
)
def test_size_of_a_wave(phones: list[int], room: int, size: int) -> None:
    assert size_of_wave(phones, room) == size


@given(st.lists(st.integers(1, 200), max_size=60), st.integers(1, 128))
def test_waves_ring_everybody_in_order_and_no_wave_that_fits_is_cut(phones: list[int], room: int) -> None:
    left, waves = list(phones), list[list[int]]()
    while left:
        size = size_of_wave(left, room)
        assert size > 0, "each wave rings somebody"
        waves.append(left[:size])
        left = left[size:]
    assert [count for wave in waves for count in wave] == phones
    for number, wave in enumerate(waves):
        assert sum(wave) <= room or len(wave) == 1
        if number + 1 < len(waves):
            assert sum(wave) + waves[number + 1][0] > room, "it had no room for the next member"
