from __future__ import annotations

from collections.abc import Iterator

import pytest

from fshunt.simulator.core.clock import VirtualClock
from tests.simulator.controllers import Controller


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    made = VirtualClock()
    yield made
    made.close()


@pytest.fixture
def controller() -> Iterator[Controller]:
    with Controller() as made:
        yield made
