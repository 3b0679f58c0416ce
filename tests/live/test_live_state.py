"""What a real switch says of members and of its directory reaches a process that has no connection to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from fshunt.db.engine import Store, open_store
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.services.live import LiveView, Watched, watch
from fshunt.services.pilot_check import PilotState, check_pilot_at_switches
from fshunt.services.questions import NO_DAEMON, Questions
from fshunt.services.switch_checks import Question, QuestionKind
from fshunt.settings import Settings
from tests.live.machines import DOMAIN

LOOK_SECONDS, WAIT_SECONDS = 0.2, 10.0
GROUP = Watched(DOMAIN, "5000")


@pytest.fixture
def store(watching) -> Iterator[Store]:
    with closing(open_store(watching.environment["FSHUNT_DATABASE_URL"])) as opened:
        yield opened


async def until(view: LiveView, store: Store, shows: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Look until the page shows something, and return the states by extension."""
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while True:
        with store.writing() as s:
            watch(s, [GROUP])
        group = view.look([GROUP]).groups[DOMAIN, "5000"]
        states = {m.extension: group.now.states[m.id] for m in group.details.group.members}
        if shows(states):
            return states
        assert asyncio.get_running_loop().time() < deadline, states
        await asyncio.sleep(LOOK_SECONDS)


async def test_a_phone_that_rings_talks_and_leaves_is_seen(lab, admin, store):
    lab.behave("1001", answer_after=1.5)
    admin.group(members=("1001", "1002", "1004"))
    view = LiveView(store)
    states = await until(view, store, lambda now: now["1004"].word == "unregistered")
    assert (states["1001"].word, states["1002"].word) == ("free", "free")
    caller = lab.caller("5000").dial()
    await until(view, store, lambda now: now["1001"].word == "ringing")
    assert await caller.result(10) == 200
    states = await until(view, store, lambda now: now["1001"].word == "on-call" and now["1001"].other is not None)
    assert states["1002"].word == "free"
    caller.hang_up()
    await until(view, store, lambda now: now["1001"].word == "free" and now["1001"].since is not None)
    await lab.unregister("1001")
    await until(view, store, lambda now: now["1001"].word == "unregistered" and now["1001"].since is not None)
    await lab.register("1001")


async def test_do_not_disturb_in_the_directory_is_seen(lab, admin, pbx, store):
    pbx.set_dial_strings({"1001": "error/user_busy"})
    try:
        admin.group(members=("1001", "1002"))
        states = await until(LiveView(store), store, lambda now: now["1001"].word == "blocked")
        assert (states["1001"].detail, states["1002"].word) == ("directory", "free")
    finally:
        pbx.set_dial_strings({})


@pytest.fixture
def ask(lab, store, loop) -> Questions:
    """Somebody who asks, once a heartbeat has said that the daemon watches a switch."""
    asking = Questions(store)
    loop.run_until_complete(lab.until(lambda: asking.registrations(DOMAIN).unknown != NO_DAEMON))
    return asking


async def test_a_switch_answers_through_the_daemon(admin, ask):
    questions = [
        Question(QuestionKind.DOMAIN, (DOMAIN,)),
        Question(QuestionKind.DOMAIN, ("none.test",)),
        Question(QuestionKind.USER, ("1001", DOMAIN)),
        Question(QuestionKind.BOX, ("5999", DOMAIN, "default")),
        Question(QuestionKind.NUMBER, ("5000", "default")),
    ]
    checked = ask.check(questions)
    found = [each.answer for each in checked]
    assert found == [Answer.FOUND, Answer.NOT_FOUND, Answer.FOUND, Answer.NOT_FOUND, Answer.FOUND], checked
    assert {user.number for user in ask.registrations(DOMAIN).users} >= {"1001", "1002", "1003"}


DEMONSTRATION = """<extension name="delay_echo"><condition field="destination_number" expression="^9195$">
  <action application="delay_echo" data="5000"/></condition></extension>
  <extension name="fshunt-pilots">"""


async def test_a_number_is_checked_before_it_becomes_a_pilot(pbx, admin, ask):
    pbx.load_dialplan(pbx.shipped_dialplan().replace('<extension name="fshunt-pilots">', DEMONSTRATION))
    try:
        found = {
            number: check_pilot_at_switches(DOMAIN, number, Settings(), ask.check).state
            for number in ("5001", "1002", "9195", "7777")
        }
    finally:
        pbx.load_dialplan(pbx.shipped_dialplan())
    assert found == {
        "5001": PilotState.LED_HERE,
        "1002": PilotState.USER,
        "9195": PilotState.DEMONSTRATION,
        "7777": PilotState.NOT_THERE,
    }


async def test_the_directory_lists_numbers_and_names(admin, ask):
    assert ask.directory(DOMAIN, "müller").users == (("1018", "Ana Müller"),)
    listed = dict(ask.directory(DOMAIN, "").users)
    assert listed["1001"] == "", "a user without a name"
    assert listed["1019"] == "", "a name that cannot be told from the other fields"
    assert ask.directory("none.test", "").users == ()
