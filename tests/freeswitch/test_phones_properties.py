"""The known state of the phones is the true one, whatever the order of the events."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fshunt.esl.frames import Frame, ProtocolError
from fshunt.freeswitch.phones import Change, PhoneTable
from tests.freeswitch.world import (
    DOMAIN,
    USERS,
    Line,
    Truth,
    World,
    channels_json,
    registrations_xml,
    same,
    settle,
    take_state,
)
from tests.support.examples import examples

LAG_MOMENTS = 5
"""How far `show channels` may be behind, in events."""

LINE_STEPS = ("enter", "answer", "move", "hang up", "end", "rename")


@st.composite
def worlds(draw: st.DrawFn, most: int = 25) -> World:
    world = World()
    for _ in range(draw(st.integers(0, most))):
        _step(draw, world)
    return world


def _step(draw: st.DrawFn, world: World) -> None:
    lines, phones = list(world.now.lines.values()), sorted(world.now.phones)
    user = draw(st.sampled_from(USERS))
    what = draw(st.sampled_from(["dial", "register", "line", "line", "line", "phone"]))
    if what == "line" and lines:
        _step_of_line(draw, world, draw(st.sampled_from(lines)), user)
    elif what == "phone" and phones:
        _step_of_phone(draw, world, draw(st.sampled_from(phones)))
    elif what == "register":
        world.register(user, draw(st.sampled_from(["a", "b", "c"])) + user, draw(st.sampled_from([5060, 5062])))
    else:
        world.dial(user, draw(st.booleans()))


def _step_of_line(draw: st.DrawFn, world: World, line: Line, user: str) -> None:
    what = "end" if line.call_state == "HANGUP" else draw(st.sampled_from(LINE_STEPS))
    if what == "enter":
        states = ["ACTIVE", "HELD", "UNHELD"] if line.answered_at else ["RINGING", "EARLY"]
        world.enter(line, draw(st.sampled_from(states)))
    elif what == "move":
        world.move(line, user)
    else:
        step = {"answer": world.answer, "hang up": world.hang_up, "end": world.end, "rename": world.rename}[what]
        step(line)


def _step_of_phone(draw: st.DrawFn, world: World, phone: tuple[str, str, str]) -> None:
    if draw(st.booleans()):
        world.expire(phone)
    else:  # phones may leave under another Call-ID than they came
        world.unregister(phone, phone[1] if draw(st.booleans()) else f"bye{len(world.told)}")


@given(st.data())
def test_events_in_any_order_and_number_give_the_true_state(data: st.DataObject) -> None:
    world = data.draw(worlds())
    again = data.draw(st.lists(st.sampled_from(world.told), max_size=10)) if world.told else []
    table = PhoneTable()
    for event in data.draw(st.permutations(world.told + again)):
        table.on_event(event)
    assert _calls_are_so(table, world.now)
    assert table.channels == len(world.now.lines)


@given(worlds())
def test_in_their_own_order_events_give_the_whole_state(world: World) -> None:
    table = PhoneTable()
    for event, truth in zip(world.told, world.moments[1:], strict=True):
        table.on_event(event)
        assert same(table, truth)


@given(worlds())
def test_an_event_that_comes_again_changes_nothing(world: World) -> None:
    table = PhoneTable()
    for event in world.told:
        table.on_event(event)
        assert table.on_event(event) == Change()


@given(worlds())
def test_every_visible_change_is_reported(world: World) -> None:
    table, before = PhoneTable(), Truth()
    for event, truth in zip(world.told, world.moments[1:], strict=True):
        change = table.on_event(event)
        seen = {
            f"{user}@{DOMAIN}"
            for user in USERS
            if truth.calls(user) != before.calls(user) or (user in truth.registered()) != (user in before.registered())
        }
        assert seen <= change.presence_ids
        assert set(change.ended) == {uuid for uuid in world.ended if uuid in before.lines and uuid not in truth.lines}
        before = truth


@given(st.data())
@settings(max_examples=examples(300))
def test_a_state_taken_at_any_moment_with_late_tables_never_brings_a_call_back(data: st.DataObject) -> None:
    """A subscription, a table of channels from some moments earlier, and the other events in any order."""
    world = data.draw(worlds(40))
    last = len(world.told)
    subscribed = data.draw(st.integers(0, last))
    asked = data.draw(st.integers(subscribed, last))
    listed = data.draw(st.integers(max(0, asked - LAG_MOMENTS), asked))
    heard_first = data.draw(st.integers(subscribed, asked))
    table = PhoneTable()
    table.begin()
    for event in world.told[subscribed:heard_first]:
        table.on_event(event)
    table.take_channels(channels_json(world.moments[listed]))
    table.take_registrations(registrations_xml(_slowly_taken_out(world, asked, heard_first)))
    if data.draw(st.booleans()):
        settle(table, world.moments[asked])
    rest = world.told[heard_first:]
    for event in data.draw(st.permutations(rest)) if data.draw(st.booleans()) else rest:
        table.on_event(event)
    told_of_their_end = {
        event.get("Unique-ID")
        for event in world.told[subscribed:]
        if event.get("Event-Name") == "CHANNEL_HANGUP_COMPLETE"
    }
    for user in USERS:
        assert not told_of_their_end & {call.uuid for call in table.calls_of(f"{user}@{DOMAIN}")}
    for line in world.now.lines.values():  # a hang-up is in no table of FreeSWITCH's: only the end is
        if line.call_state == "HANGUP":
            world.end(line)
            table.on_event(world.told[-1])
    take_state(table, world.now)
    take_state(table, world.now)  # a reported unregistration counts until the second snapshot after it
    assert same(table, world.now)


def _slowly_taken_out(world: World, asked: int, heard: int) -> set[tuple[str, str, str]]:
    """The list of phones, including phones that have just expired and whose expiry was reported already."""
    expired = [
        event for event in world.told[max(0, asked - 2) : heard] if event.get("Event-Subclass") == "sofia::expire"
    ]
    late = {(event.get("user", ""), event.get("call-id", ""), event.get("contact", "")) for event in expired}
    return set(world.moments[asked].phones) | late


@given(worlds(40), st.data())
def test_a_new_snapshot_at_any_time_changes_nothing(world: World, data: st.DataObject) -> None:
    table = PhoneTable()
    again = data.draw(st.sets(st.integers(0, len(world.told))))
    for number, event in enumerate(world.told):
        table.on_event(event)
        if number in again:
            lagging = world.moments[max(0, number + 1 - data.draw(st.integers(0, LAG_MOMENTS)))]
            table.begin()
            table.take_channels(channels_json(lagging))
            table.take_registrations(registrations_xml(world.moments[number + 1].phones))
            settle(table, world.moments[number + 1])
            assert same(table, world.moments[number + 1])


@given(worlds(40))
def test_events_that_were_lost_are_made_up_for_by_the_next_state(world: World) -> None:
    table = PhoneTable()
    for event in world.told[::2]:
        table.on_event(event)
    take_state(table, world.now)
    take_state(table, world.now)
    take_state(table, world.now)
    assert {user for user in USERS if table.is_registered(user, DOMAIN)} == world.now.registered()
    known = {call.uuid for user in USERS for call in table.calls_of(f"{user}@{DOMAIN}")}
    assert known <= set(world.now.lines)


MALFORMED = [
    "",
    "-ERR no reply",
    "[]",
    "{}",
    "null",
    '{"row_count":1,"rows":{}}',
    '{"row_count":1,"rows":[1]}',
    '{"row_count":1,"rows":[{"uuid":7}]}',
    '{"row_count":1,"rows":[{"uuid":"new","direction":"inbound"},{"uuid":""}]}',
    '{"row_count":1,"rows":[{"uuid":"new"}',
    "[" * 100_000,
]


@pytest.mark.parametrize("text", MALFORMED, ids=range(len(MALFORMED)))
def test_a_list_of_channels_that_cannot_be_read_changes_nothing(text: str) -> None:
    table, world = PhoneTable(), World()
    line = world.dial("1001", outbound=True)
    table.on_event(world.told[0])
    with pytest.raises(ProtocolError, match="list of channels"):
        table.take_channels(text)
    assert same(table, world.now)
    assert table.has_channel(line.uuid)
    assert not table.doubts()


@given(worlds(15), st.integers(0, 2000))
def test_a_list_that_ends_early_raises_or_is_whole(world: World, length: int) -> None:
    table = PhoneTable()
    whole = channels_json(world.now)
    cut = whole[:length]
    try:
        table.take_channels(cut)
    except ProtocolError:
        assert table.channels == 0
    else:
        assert cut == whole
    text = registrations_xml(world.now.phones)
    try:
        table.take_registrations(text[:length])
    except ProtocolError:
        assert table.registrations == 0
    else:
        assert not length or table.registrations == len(world.now.phones)


@given(
    st.lists(
        st.tuples(st.sampled_from(["Event-Name", "Unique-ID", "call-id", "from-user", "x"]), st.text()), max_size=8
    )
)
def test_no_event_raises_whatever_its_content(headers: list[tuple[str, str]]) -> None:
    said = "\n".join(f"{name}: {value}" for name, value in headers).encode(errors="replace")
    for name in ("CHANNEL_CREATE", "CHANNEL_UUID", "CHANNEL_HANGUP_COMPLETE", "CUSTOM", "HEARTBEAT"):
        PhoneTable().on_event(Frame(b"Event-Name: " + name.encode() + b"\n" + said))


def _calls_are_so(table: PhoneTable, truth: Truth) -> bool:
    return all(
        {(call.uuid, call.state) for call in table.calls_of(f"{user}@{DOMAIN}")} == truth.calls(user) for user in USERS
    )
