"""What is known of the phones of a switch: the cases one by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fshunt.esl import frames
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame, ProtocolError
from fshunt.freeswitch import channels, phones, registrations
from fshunt.freeswitch.phones import EVENTS, Change, PhoneCall, PhoneState, PhoneTable, watch
from fshunt.freeswitch.registrations import NoSofia
from fshunt.freeswitch.slices import SLICE
from tests.freeswitch.world import BEGAN, DOMAIN, World, channels_json, contact, registrations_xml, take_state

ID = f"1001@{DOMAIN}"
PROFILES = (
    '<?xml version="1.0" encoding="ISO-8859-1"?>\n<profiles>\n'
    "<alias>\n<name>pbx.test</name>\n<type>alias</type>\n<data>internal</data>\n<state>ALIASED</state>\n</alias>\n"
    "<profile>\n<name>internal</name>\n<type>profile</type>\n<data>sip:x</data>\n<state>RUNNING (0)</state>\n"
    "</profile>\n"
    "<profile>\n<name>internal</name>\n<type>profile</type>\n<data>sip:x</data>\n<state>RUNNING (0) (TLS)</state>\n"
    "</profile>\n"
    "<gateway>\n<name>carrier</name>\n<type>gateway</type>\n<data>sip:y</data>\n<state>NOREG</state>\n</gateway>\n"
    "<profile>\n<name>external</name>\n<type>profile</type>\n<data>sip:z</data>\n<state>RUNNING (0)</state>\n"
    "</profile>\n"
    "</profiles>\n"
)


def told(*headers: tuple[str, str]) -> Frame:
    return Frame("\n".join(f"{name}: {frames.encode(value)}" for name, value in headers).encode())


def follow(world: World, table: PhoneTable | None = None) -> PhoneTable:
    table = table or PhoneTable()
    for event in world.told:
        table.on_event(event)
    return table


def test_a_called_phone_rings_and_is_on_a_call_from_the_answer_on() -> None:
    world, table = World(), PhoneTable()
    line = world.dial("1001", outbound=True)
    world.enter(line, "RINGING")
    follow(world, table)
    assert table.calls_of(ID) == (PhoneCall(line.uuid, PhoneState.RINGING, BEGAN, "4155550100"),)
    assert not table.is_answered(line.uuid)
    world.answer(world.now.lines[line.uuid])
    follow(world, table)
    assert table.calls_of(ID) == (PhoneCall(line.uuid, PhoneState.TALKING, BEGAN + 2, "4155550100"),)
    assert table.is_answered(line.uuid)


def test_a_phone_that_dials_is_on_a_call_from_then_on() -> None:
    world = World()
    line = world.dial("1001", outbound=False)
    table = follow(world)
    assert table.calls_of("1001@PBX.Test") == (PhoneCall(line.uuid, PhoneState.TALKING, BEGAN, "1001"),)
    assert not table.is_answered(line.uuid)


def test_a_call_on_hold_is_a_call() -> None:
    world = World()
    line = world.dial("1001", outbound=True)
    world.answer(line)
    world.enter(world.now.lines[line.uuid], "HELD")
    assert [call.state for call in follow(world).calls_of(ID)] == [PhoneState.TALKING]


def test_new_and_answered_channels_are_reported_for_any_owner() -> None:
    table, of = PhoneTable(), (("Unique-ID", "x"), ("Call-Direction", "inbound"))
    assert table.on_event(told(("Event-Name", "CHANNEL_CREATE"), *of)).channels == ("x",)
    assert table.on_event(told(("Event-Name", "CHANNEL_CALLSTATE"), *of)) == Change(), "nothing new"
    answer = table.on_event(told(("Event-Name", "CHANNEL_ANSWER"), *of))
    assert answer == Change(channels=("x",))
    end = table.on_event(told(("Event-Name", "CHANNEL_HANGUP_COMPLETE"), *of))
    assert Change.of([answer, end]) == Change(ended=("x",), channels=("x",))


def test_a_phone_is_free_at_the_hang_up() -> None:
    world = World()
    line = world.dial("1001", outbound=True)
    world.hang_up(line)
    table = follow(world)
    assert table.calls_of(ID) == ()
    assert table.has_channel(line.uuid)
    world.end(line)
    assert table.on_event(world.told[-1]) == Change(ended=(line.uuid,))
    assert not table.has_channel(line.uuid)


def test_the_end_of_an_unknown_channel_is_reported_once() -> None:
    table, end = PhoneTable(), told(("Event-Name", "CHANNEL_HANGUP_COMPLETE"), ("Unique-ID", "x"))
    assert table.on_event(end) == Change(ended=("x",))
    assert table.on_event(end) == Change()


def test_a_phone_that_logs_in_by_another_domain_is_known_by_its_account() -> None:
    """Many phones are set up with the switch's address for a domain, and call themselves by it."""
    table = PhoneTable()
    head = [("Event-Name", "CHANNEL_CREATE"), ("Unique-ID", "x"), ("Call-Direction", "inbound")]
    account = [("variable_user_name", "1001"), ("variable_domain_name", "PBX.test")]
    change = table.on_event(told(*head, ("Channel-Presence-ID", "1001@192.0.2.1"), *account))
    assert change.presence_ids == {ID}
    assert [call.uuid for call in table.calls_of(ID)] == ["x"]
    state = [("Event-Name", "CHANNEL_CALLSTATE"), ("Unique-ID", "x"), ("Call-Direction", "inbound")]
    table.on_event(told(*state, ("Channel-Presence-ID", "1001@192.0.2.1"), ("Event-Sequence", "9")))
    assert (len(table.calls_of(ID)), table.calls_of("1001@192.0.2.1")) == (1, ())
    table.on_event(told(("Event-Name", "CHANNEL_HANGUP_COMPLETE"), ("Unique-ID", "x")))
    assert table.calls_of(ID) == ()


def test_a_caller_is_identified_by_the_login_and_not_by_the_from() -> None:
    table = PhoneTable()
    head = [("Event-Name", "CHANNEL_CREATE"), ("Unique-ID", "x"), ("Call-Direction", "inbound")]
    claims_to_be = ("Channel-Presence-ID", ID)
    account = [("variable_user_name", "1009"), ("variable_domain_name", DOMAIN)]
    table.on_event(told(*head, claims_to_be, *account))
    assert ([call.uuid for call in table.calls_of(f"1009@{DOMAIN}")], table.calls_of(ID)) == (["x"], ())


def test_a_login_that_is_known_later_takes_the_call_from_whom_the_from_named() -> None:
    """The table of channels tells of no login: until an event comes, the From is all there is."""
    table = PhoneTable()
    row = f'{{"uuid":"x","presence_id":"{ID}","direction":"inbound"}}'
    table.take_channels(f'{{"row_count":1,"rows":[{row}]}}')
    assert len(table.calls_of(ID)) == 1
    state = [("Event-Name", "CHANNEL_CALLSTATE"), ("Unique-ID", "x"), ("Call-Direction", "inbound")]
    account = [("variable_user_name", "1009"), ("variable_domain_name", DOMAIN)]
    change = table.on_event(told(*state, ("Channel-Presence-ID", ID), *account))
    assert change.presence_ids == {ID, f"1009@{DOMAIN}"}
    assert (len(table.calls_of(f"1009@{DOMAIN}")), table.calls_of(ID)) == (1, ())


def test_a_leg_is_not_identified_by_the_callers_account() -> None:
    table = PhoneTable()
    head = [("Event-Name", "CHANNEL_CREATE"), ("Unique-ID", "x"), ("Call-Direction", "outbound")]
    table.on_event(told(*head, ("variable_user_name", "1001"), ("variable_domain_name", DOMAIN)))
    assert table.calls_of(ID) == ()


def test_calls_are_listed_oldest_first() -> None:
    world = World()
    first, second = world.dial("1001", outbound=False), world.dial("1001", outbound=True)
    table = PhoneTable()
    for event in reversed(world.told):
        table.on_event(event)
    assert [call.uuid for call in table.calls_of(ID)] == [first.uuid, second.uuid]


@pytest.mark.parametrize("headers", [("from-user", "from-host"), ("user", "host")])
def test_registrations_have_two_sets_of_header_names(headers: tuple[str, str]) -> None:
    table, name = PhoneTable(), ("Event-Name", "CUSTOM")
    who = [(headers[0], "1001"), (headers[1], "PBX.test"), ("call-id", "c"), ("contact", contact("1001", 5060))]
    assert table.on_event(told(name, ("Event-Subclass", "sofia::register"), *who)).presence_ids == {ID}
    assert table.is_registered("1001", DOMAIN)
    assert table.registrations == 1
    gone = told(name, ("Event-Subclass", "sofia::expire"), *who, ("Event-Sequence", "1"))
    assert table.on_event(gone).presence_ids == {ID}
    assert not table.is_registered("1001", DOMAIN)
    assert table.registrations == 0


@pytest.mark.parametrize(("registered", "counts"), [("other.test", False), ("10.0.0.1", True), ("[2001:db8::1]", True)])
def test_a_phone_of_another_domain_is_another_tenants_and_one_at_an_address_is_no_tenants(
    registered: str, counts: bool
) -> None:
    table, custom = PhoneTable(), [("Event-Name", "CUSTOM"), ("Event-Subclass", "sofia::register")]
    who = [("from-user", "1001"), ("from-host", registered), ("call-id", "c"), ("contact", contact("1001", 5060))]
    table.on_event(told(*custom, *who, ("Event-Sequence", "1")))
    assert table.is_registered("1001", DOMAIN) is counts


def test_a_row_that_expires_leaves_the_phones_newer_registration_alone() -> None:
    """A phone that restarted has two rows for a while, where FreeSWITCH lists phones by Call-ID."""
    table, who = PhoneTable(), [("from-user", "1001"), ("from-host", DOMAIN), ("contact", contact("1001", 5060))]
    for sequence, kind, call_id in ((1, "register", "old"), (2, "register", "new"), (3, "expire", "old")):
        custom = [("Event-Name", "CUSTOM"), ("Event-Subclass", f"sofia::{kind}"), ("call-id", call_id)]
        table.on_event(told(*custom, *who, ("Event-Sequence", str(sequence))))
    assert table.is_registered("1001", DOMAIN)


def test_a_phone_that_moved_stays_when_its_old_contact_expires() -> None:
    table, who = PhoneTable(), [("from-user", "1001"), ("from-host", DOMAIN), ("call-id", "same")]
    for sequence, kind, port in ((1, "register", 5060), (2, "register", 5062), (3, "expire", 5060)):
        custom = [("Event-Name", "CUSTOM"), ("Event-Subclass", f"sofia::{kind}"), ("contact", contact("1001", port))]
        table.on_event(told(*custom, *who, ("Event-Sequence", str(sequence))))
    assert table.is_registered("1001", DOMAIN)


def test_a_broken_connection_is_reported_without_a_contact() -> None:
    world = World()
    world.register("1001", "c", 5060)
    table = follow(world)
    headers = [("from-user", "1001"), ("from-host", DOMAIN), ("call-id", "c"), ("reason", "socket-disconnection")]
    custom = [("Event-Name", "CUSTOM"), ("Event-Subclass", "sofia::unregister"), ("Event-Sequence", "2")]
    assert table.on_event(told(*custom, *headers)).presence_ids == {ID}
    assert not table.is_registered("1001", DOMAIN)


@pytest.mark.parametrize("subclass", ["sofia::register_attempt", "sofia::gateway_state", "conference::maintenance", ""])
def test_other_events_say_nothing_of_phones(subclass: str) -> None:
    who = [("from-user", "1001"), ("from-host", DOMAIN), ("call-id", "c")]
    assert PhoneTable().on_event(told(("Event-Name", "CUSTOM"), ("Event-Subclass", subclass), *who)) == Change()
    assert PhoneTable().on_event(told(("Event-Name", "HEARTBEAT"))) == Change()


def test_a_call_id_that_looks_like_xml_names_nobody_else() -> None:
    """FreeSWITCH does not escape it, and a phone chooses it."""
    table = PhoneTable()
    sly = "x</call-id><user>1003@pbx.test</user>"
    table.take_registrations(registrations_xml({("1001", sly, contact("1001", 5060))}))
    assert table.is_registered("1001", DOMAIN)
    assert not table.is_registered("1003", DOMAIN)


def test_what_is_remembered_of_the_past_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "ENDED_KEPT", 10)
    monkeypatch.setattr(registrations, "GONE_KEPT", 10)
    world = World()
    for number in range(100):
        world.end(world.dial("1001", outbound=True))
        world.register(f"{number}", f"c{number}", 5060)
        world.expire((f"{number}", f"c{number}", contact(f"{number}", 5060)))
    table = follow(world)
    assert len(table._channels.ended) == 10
    assert len(table._registrations._gone) == len(table._registrations._said) == 10
    assert not table._channels.channels
    assert not table._channels._by_id
    assert not table._registrations._domains


class Answering:
    """An inbound connection that answers from a world."""

    def __init__(self, world: World, profiles: str = PROFILES, **lists: str) -> None:
        self.asked: list[str] = []
        self.writes = 0
        self._world = world
        self._profiles = profiles
        self._lists = {"internal": registrations_xml(world.now.phones), "external": registrations_xml(()), **lists}
        self.on_channels: Callable[[], None] = lambda: None

    def send(self, command: Command, timeout: float) -> Frame:
        return self.send_all([command], timeout)[0]

    def send_all(self, commands: list[Command], timeout: float) -> list[Frame]:
        self.writes += 1
        return [self._answer(each.lines[0]) for each in commands]

    def _answer(self, command: str) -> Frame:
        self.asked.append(command)
        text = self._reply(command).encode()
        return Frame(b"Content-Type: api/response\nContent-Length: %d" % len(text), text)

    def _reply(self, command: str) -> str:
        verb, *words = command.split()
        if verb == "event":
            return "+OK"
        if words[0] == "show":
            text = channels_json(self._world.now)
            self.on_channels()
            return text
        if words[0] == "uuid_exists":
            return str(words[1] in self._world.now.lines).lower()
        return self._profiles if len(words) == 2 else self._lists[words[3]]


def test_the_start_state_is_taken_when_the_events_flow() -> None:
    world = World()
    line = world.dial("1001", outbound=True)
    world.register("1001", "c", 5060)
    table, answering = PhoneTable(), Answering(world)
    assert watch(answering, table).presence_ids == {ID}
    assert answering.asked == [
        f"event plain {' '.join(EVENTS)}",
        "api show channels as json",
        "api sofia xmlstatus",
        "api sofia xmlstatus profile external reg",
        "api sofia xmlstatus profile internal reg",
        f"api uuid_exists {line.uuid}",
    ]
    assert table.is_registered("1001", DOMAIN)
    assert table.has_channel(line.uuid)


def test_a_channel_that_the_table_lists_though_it_has_ended_is_found_out() -> None:
    world = World()
    line = world.dial("1001", outbound=True)
    answering, table = Answering(world), PhoneTable()
    answering.on_channels = lambda: world.end(line)
    assert watch(answering, table).ended == (line.uuid,)
    assert table.channels == 0


def test_a_channel_that_the_table_does_not_list_yet_is_kept() -> None:
    world, table = World(), PhoneTable()
    late = Answering(World())
    line = world.dial("1001", outbound=True)
    follow(world, table)
    late._world.now.lines[line.uuid] = line
    late.on_channels = lambda: None
    table.begin()
    table.take_channels(channels_json(World().now))
    assert table.doubts() == [line.uuid]
    table.settle(line.uuid, True)
    assert table.has_channel(line.uuid)


def test_many_doubts_are_asked_in_few_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones, "DOUBTS_AT_ONCE", 10)
    world = World()
    for _ in range(25):
        world.dial("1001", outbound=True)
    answering, table = Answering(world), PhoneTable()
    watch(answering, table)
    assert sum("uuid_exists" in each for each in answering.asked) == 25
    assert answering.writes == 4 + 3
    assert len(table.calls_of(ID)) == 25


def test_a_uuid_that_cannot_be_asked_for_is_believed() -> None:
    """FreeSWITCH can be set to take the caller's Call-ID for it."""
    table, world = PhoneTable(), World()
    table.take_channels('{"row_count":1,"rows":[{"uuid":"a b","presence_id":"1001@pbx.test","direction":"inbound"}]}')
    answering = Answering(world)
    watch(answering, table)
    assert table.has_channel("a b")
    assert not any("uuid_exists" in each for each in answering.asked)


@pytest.mark.parametrize("profiles", ["-ERR no reply", "", "<profiles>"])
def test_a_switch_that_lists_no_profiles_is_not_one_without_phones(profiles: str) -> None:
    with pytest.raises(ProtocolError, match="SIP profiles"):
        watch(Answering(World(), profiles), PhoneTable())


def test_a_switch_without_its_sip_module_says_so() -> None:
    with pytest.raises(NoSofia, match="has not loaded its SIP module, mod_sofia"):
        watch(Answering(World(), "-ERR sofia xmlstatus Command not found!\n"), PhoneTable())


def test_a_profile_that_is_being_restarted_is_not_believed_to_have_no_phones() -> None:
    with pytest.raises(ProtocolError, match="each of its SIP profiles"):
        watch(Answering(World(), external="Invalid Profile!\n"), PhoneTable())


def test_a_switch_without_profiles_has_no_phones() -> None:
    table = PhoneTable()
    watch(Answering(World(), "<profiles>\n</profiles>\n"), table)
    assert table.registrations == 0


def test_a_new_snapshot_drops_channels_that_ended_unobserved() -> None:
    world = World()
    world.register("1001", "c", 5060)
    line = world.dial("1001", outbound=True)
    table = follow(world)
    take_state(table, World().now)
    assert not table.is_registered("1001", DOMAIN)
    assert not table.has_channel(line.uuid)


MANY = 4000


class Breaths:
    """Counts the rows that are parsed between two breaths."""

    def __init__(self) -> None:
        self.rows = self.longest = self.count = 0

    def row(self) -> None:
        self.rows += 1
        self.longest = max(self.longest, self.rows)

    def breathe(self) -> None:
        self.rows, self.count = 0, self.count + 1


def counting(function: Callable[..., Any], breaths: Breaths) -> Callable[..., Any]:
    def count(*args: Any) -> Any:
        breaths.row()
        return function(*args)

    return count


def test_thousands_of_channels_are_taken_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    breaths, table = Breaths(), PhoneTable()
    monkeypatch.setattr(channels, "_parsed", counting(channels._parsed, breaths))
    monkeypatch.setattr(channels.ChannelTable, "_take_row", counting(channels.ChannelTable._take_row, breaths))
    rows = [{"uuid": f"u{number}", "direction": "inbound", "presence_id": ID} for number in range(MANY)]
    table.take_channels(json.dumps({"row_count": MANY, "rows": rows}), breaths.breathe)
    assert table.channels == MANY
    assert breaths.longest <= SLICE
    assert breaths.count == 3 * MANY // SLICE, "when they are parsed, put into the table, and compared with it"


def test_thousands_of_registrations_are_taken_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    breaths, table = Breaths(), PhoneTable()
    monkeypatch.setattr(registrations.html, "unescape", counting(registrations.html.unescape, breaths))
    monkeypatch.setattr(
        registrations.RegistrationTable, "_say", counting(registrations.RegistrationTable._say, breaths)
    )
    phones = {(f"{number}", f"c{number}", contact(f"{number}", 5060)) for number in range(MANY)}
    table.take_registrations(registrations_xml(phones), breaths.breathe)
    assert table.registrations == MANY
    assert breaths.longest <= 2 * SLICE, "of each registration two texts are unescaped"
    assert breaths.count == 3 * MANY // SLICE, "when they are read, put into the table, and compared with it"
