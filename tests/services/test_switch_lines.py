"""One connection to each switch, whatever is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fshunt.errors import BadValue, FshuntError
from fshunt.esl.inbound import TimedOut
from fshunt.services.switch_lines import SwitchLines
from fshunt.settings import WatchedSwitch

HERE, AWAY = (WatchedSwitch(host, 8021, Path("/password")) for host in ("192.0.2.1", "192.0.2.2"))


class Switches:
    """Counts the connections that are made, and those that are open."""

    def __init__(self) -> None:
        self.made, self.open = Counter[str](), Counter[str]()

    @contextmanager
    def connect(self, switch: WatchedSwitch) -> Iterator[Any]:
        self.made[switch.host] += 1
        if switch == AWAY:
            raise FshuntError("it is away.")
        self.open[switch.host] += 1
        yield object()
        self.open[switch.host] -= 1


def test_a_switch_is_connected_once_and_until_the_end() -> None:
    switches = Switches()
    with SwitchLines(switches.connect) as lines:
        with lines.line(HERE) as first:
            pass
        with lines.line(HERE) as second:
            assert second is first
        assert switches.open == {HERE.host: 1}
    assert (switches.made, switches.open[HERE.host]) == ({HERE.host: 1}, 0)


def test_a_switch_that_is_away_is_tried_once_and_says_the_same_again() -> None:
    switches = Switches()
    with SwitchLines(switches.connect) as lines:
        for _ in range(2):
            with pytest.raises(FshuntError, match="it is away"), lines.line(AWAY):
                pytest.fail("there is no connection")
    assert switches.made == {AWAY.host: 1}


def test_a_connection_that_broke_is_not_used_again_and_a_wrong_question_breaks_none() -> None:
    switches = Switches()
    with SwitchLines(switches.connect) as lines:
        with pytest.raises(BadValue), lines.line(HERE):
            raise BadValue("no such number.")
        with lines.line(HERE):
            pass
        with pytest.raises(TimedOut), lines.line(HERE):
            raise TimedOut("it does not answer.")
        with pytest.raises(TimedOut, match="it does not answer"), lines.line(HERE):
            pytest.fail("the connection is of no more use")
    assert switches.made == {HERE.host: 1}
    assert switches.open[HERE.host] == 0
