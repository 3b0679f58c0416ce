"""A group's sound file goes on from one member to the next, and is not heard once it should be over."""

from __future__ import annotations

from typing import Any

import pytest

from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.group import WhenBusy
from fshunt.simulator.core.phones import RINGS, answers, refuses
from fshunt.simulator.switch import Fact
from tests.support.rig import WAIT_SECONDS, Rig, cut

FILE = "/var/lib/sounds/music.wav"
OTHER_MUSIC = ["local_stream://moh", "tone_stream://%(500,500,440);loops=-1", "music.wav", "/var/lib/sounds/music"]
"""What goes on by itself, may begin again, or is a file that FreeSWITCH knows by another name than ours."""
TALKS = answers(0.02, talks=0.02)
HOOKS = [f"execute_on_{moment}_fshunt_music" for moment in ("answer", "pre_bridge", "blind_transfer")]


@pytest.fixture
def rig(light_rig: Rig) -> Rig:
    """A group with music whose first member refuses, and whose second rings."""
    light_rig.group("5000", "1001", "1002", music=FILE, voicemail="1009")
    light_rig.phones("1001", behaviour=refuses(486))
    light_rig.phones("1002", behaviour=RINGS)
    return light_rig


def said(call: Any, word: str) -> list[str]:
    """The commands on a call that have this word in them."""
    return [each for each in call.listener.received if word in each]


def rings_with_music(rig: Rig, **more: Any) -> Any:
    """A caller who hears the music while 1002 rings."""
    rings = rig.happens("rings", "1002")
    call = rig.started(**more)
    assert rings.wait(WAIT_SECONDS)
    assert call.displaced == {FILE}
    return call


def heard_at(rig: Rig, what: str) -> list[set[str]]:
    """Return the list that gets what callers hear whenever this happens to one of them."""
    heard: list[set[str]] = []

    def note(fact: Fact) -> None:
        if fact.what == what:
            heard.append(set(rig.switch.calls[fact.call].displaced))

    rig.switch.watch(note)
    return heard


def test_it_is_begun_once_for_all_members_and_ended_at_the_answer(rig: Rig) -> None:
    heard = heard_at(rig, "talks with")
    call = rings_with_music(rig)
    rig.pick_up(call, "1002")
    assert call.talking.wait(WAIT_SECONDS)
    assert heard == [set()]
    call.hang_up()
    assert rig.record(call).answered_by == "1002"
    assert len(said(call, "uuid_displace")) == 2, "once to begin it, and once to end it"
    assert len(said(call, ": bridge")) == 2
    assert not set(HOOKS) & set(call.variables)


def test_without_a_phone_that_rings_nothing_is_begun(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", music=FILE, on_unreachable=parse_destination("hangup:USER_BUSY"))
    call = light_rig.started()
    assert light_rig.record(call).result == "rejected"
    assert said(call, "displace") == []


def test_it_goes_on_in_the_queue_and_when_the_caller_is_answered_there(watched_rig: Rig) -> None:
    rig = watched_rig
    rig.switch.playback_seconds = 3600.0
    rig.switch.routes["70"] = [("answer", ""), ("sleep", "3600000")]
    rig.group("5000", "1001", "1002", music=FILE, when_busy=WhenBusy.QUEUE, answer_first=True)
    (member,) = rig.phones("1001")
    rig.phones("1002", behaviour=refuses(603))
    busy = rig.switch.call_from(member, "70")
    rig.until(lambda: rig.daemon.deps.monitor.look(rig.switch.domain, "1001").calls, "1001 is on a call")
    call = rig.started()
    rig.until(lambda: len(rig.daemon.deps.queue) == 1, "the caller waits")
    rig.until(lambda: call.channel.answered, "the caller is answered")
    rig.until(lambda: said(call, ": playback"), "the caller hears what waiting callers hear")
    assert call.displaced == {FILE}
    rings = rig.happens("rings", "1001")
    busy.hang_up()
    assert rings.wait(WAIT_SECONDS)
    assert call.displaced == {FILE}
    assert len(said(call, "uuid_displace")) == 1
    rig.pick_up(call, "1001")
    assert call.talking.wait(WAIT_SECONDS)
    assert call.displaced == set()
    call.hang_up()
    assert rig.record(call).answered_by == "1001"


@pytest.mark.parametrize("destination", ["voicemail:1009", "transfer:1003"])
def test_it_is_over_where_the_caller_goes_next(light_rig: Rig, destination: str) -> None:
    light_rig.group("5000", "1001", music=FILE, on_busy=parse_destination(destination))
    light_rig.phones("1001", behaviour=refuses(486, after=0.1))
    light_rig.phones("1003", behaviour=TALKS)
    before = heard_at(light_rig, "rings")
    after = heard_at(light_rig, "voicemail") if destination.startswith("voicemail") else before
    call = light_rig.started()
    light_rig.record(call)
    assert before[0] == {FILE}
    assert after[-1] == set()
    assert not set(HOOKS) & set(call.variables)


@pytest.mark.parametrize("answered", [False, True], ids=["ringing", "answered before"])
def test_the_dialplan_ends_it_where_the_daemon_is_gone(rig: Rig, answered: bool) -> None:
    if answered:
        rig.switch.pilot_actions[:0] = [("answer", "")]
    heard = heard_at(rig, "voicemail")
    call = rings_with_music(rig)
    rig.daemon.listener.stop()
    cut(call)
    rig.record(call)
    assert call.ending.kind == "fallback-voicemail"
    assert heard == [set()]


@pytest.mark.parametrize("how", ["picked up", "transferred"])
def test_the_switch_ends_it_where_somebody_else_takes_the_caller(rig: Rig, how: str) -> None:
    rig.switch.routes["70"] = [("answer", ""), ("sleep", "3600000")]
    (phone,) = rig.phones("1003")
    call = rings_with_music(rig)
    heard = heard_at(rig, how)
    if how == "transferred":
        call.send_away("70")
    else:
        call.pick_up(rig.switch.call_from(phone, "70"))
    assert call.displaced == set(), "before the daemon knows of it"
    assert len(heard) == 1
    assert rig.closed(call).result == "transferred"
    call.hang_up()


def test_a_dialplan_that_would_not_end_it_is_played_the_file_anew_for_each_member(rig: Rig) -> None:
    rig.switch.pilot_actions = [each for each in rig.switch.pilot_actions if "gate" not in each[1]]
    rings = rig.happens("rings", "1002")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    assert call.displaced == set()
    assert call.variables["ringback"] == FILE
    call.hang_up()
    rig.record(call)


@pytest.mark.parametrize("music", OTHER_MUSIC)
def test_other_music_is_left_to_the_ringing(light_rig: Rig, music: str) -> None:
    light_rig.group("5000", "1001", music=music)
    light_rig.phones("1001", behaviour=TALKS)
    call = light_rig.started()
    assert light_rig.record(call).answered_by == "1001"
    assert said(call, "displace") == []


def test_a_caller_whose_call_id_is_the_uuid_hears_the_file_anew_for_each_member(rig: Rig) -> None:
    rings = rig.happens("rings", "1002")
    call = rig.started(uuid="3c26'k@10.0.0.5:5060")
    assert rings.wait(WAIT_SECONDS)
    assert said(call, "displace") == []
    call.hang_up()
    assert rig.record(call).result == "abandoned"
