"""The phones of an extension as its switch tells them, and those that cannot be dialled (facts 17 and 38 to 41)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.errors import BadValue
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame, render_api_response
from fshunt.esl.jobs import Jobs
from fshunt.esl.reader import FrameReader
from fshunt.freeswitch.contacts import (
    MAX_PROFILES,
    MemberPhones,
    Registration,
    SipProfiles,
    ask,
    phones_among,
    query,
    registrations_in,
)
from fshunt.freeswitch.dialstring import as_dialled
from fshunt.freeswitch.directory import UNANSWERED
from fshunt.hunting.validation import MAX_CONTACT_CHARS
from fshunt.simulator.eventsocket.api import run
from fshunt.simulator.switch import SimulatedSwitch

DOMAIN = "pbx.test"
GOOD = "sofia/internal/sip:1001@10.0.0.9:5060"


class Sender:
    """The simulated switch's answers, or those of a switch that cannot list registrations."""

    def __init__(self, switch: SimulatedSwitch, *, lists: bool = True) -> None:
        self._switch, self._lists = switch, lists
        self.writes: list[int] = []
        self.seconds: list[float] = []
        self.directory_is_slow = False

    def start_jobs(self, asked: Sequence[Command]) -> Jobs:
        return Jobs(asked)

    def finish_jobs(self, jobs: Jobs, timeout: float) -> list[str | None]:
        self.seconds.append(timeout)
        return [None if self.directory_is_slow else run(self._switch, words) for words in jobs._asked]

    def send_all(self, said: Sequence[Command], _timeout: float) -> list[Frame]:
        self.writes.append(len(said))
        return [self._answer(command.lines[0].removeprefix("api ")) for command in said]

    def _answer(self, line: str) -> Frame:
        if line.startswith("sofia ") and not self._lists:
            return _response("-ERR sofia Command not found!\n")
        return _response(run(self._switch, line))


def _response(text: str) -> Frame:
    return FrameReader().feed(render_api_response(text))[0]


@pytest.fixture
def switch() -> SimulatedSwitch:
    return SimulatedSwitch([], domain=DOMAIN)


def endpoints(switch: SimulatedSwitch, extension: str = "1001") -> tuple[str, ...]:
    return ask(Sender(switch), DOMAIN, [extension], 1.0)[extension].endpoints


def among(*contacts: str) -> MemberPhones:
    return phones_among([Registration("1001", DOMAIN, f"call {n}", each) for n, each in enumerate(contacts)], DOMAIN)


def test_an_extension_is_checked_again_when_the_switch_is_asked_for_its_phones() -> None:
    assert query("1001", "pbx.test", "5f0c").lines == ("api sofia_contact */1001@pbx.test/5f0c",)
    assert query("+1001", "pbx.test", "5f0c").lines == ("api sofia_contact */+1001@pbx.test/5f0c",)
    with pytest.raises(BadValue):
        query("1001 x", "pbx.test", "5f0c")


def test_all_phones_of_all_extensions_are_asked_for_in_one_write_once_the_profiles_are_known(
    switch: SimulatedSwitch,
) -> None:
    phones = [switch.phone(user) for user in ("1001", "1001", "1002")]
    sender, profiles = Sender(switch), SipProfiles()
    for _ in range(2):
        found = ask(sender, DOMAIN, ["1001", "1002", "1003"], 1.0, profiles)
        assert found["1001"].endpoints == tuple(f"sofia/internal/{phone.contact}" for phone in phones[:2])
        assert found["1002"].endpoints == (f"sofia/internal/{phones[2].contact}",)
        assert (found["1003"].registered, found["1003"].why_not) == (False, None)
    assert sender.writes == [3, 3, 6], "the profile is learnt from the first answer"
    assert profiles.all() == ("internal",)
    assert ask(sender, DOMAIN, [], 1.0) == {}
    assert len(sender.writes) == 3


def test_the_profiles_that_are_remembered_are_bounded() -> None:
    profiles = SipProfiles()
    profiles.learn(f"p{number}" for number in range(2 * MAX_PROFILES))
    profiles.learn(["internal"])
    assert len(profiles.all()) == MAX_PROFILES
    assert "internal" in profiles.all()


def test_the_phone_of_another_tenant_is_not_a_phone_of_this_one(switch: SimulatedSwitch) -> None:
    switch.registrations.share_profile(DOMAIN, "other.test")
    ours, theirs = switch.phone("1001"), switch.phone("1001", domain="other.test")
    switch.phone("1002", domain="other.test")
    sender, profiles = Sender(switch), SipProfiles()
    for _ in range(2):
        assert ask(sender, DOMAIN, ["1001"], 1.0, profiles)["1001"].endpoints == (f"sofia/internal/{ours.contact}",)
    assert not ask(Sender(switch), DOMAIN, ["1002"], 1.0)["1002"].registered
    found = ask(Sender(switch), "other.test", ["1001"], 1.0)["1001"]
    assert found.endpoints == (f"sofia/internal/{theirs.contact}",)


@pytest.mark.parametrize(("registered", "rings"), [("10.0.0.1", True), ("PBX.test", True), ("sip.pbx.test", False)])
def test_a_phone_that_registered_at_an_address_of_the_switch_is_no_other_tenants(
    switch: SimulatedSwitch, registered: str, rings: bool
) -> None:
    switch.registrations.share_profile(DOMAIN, registered)
    phone = switch.phone("1001", domain=registered)
    assert endpoints(switch) == ((f"sofia/internal/{phone.contact}",) if rings else ())


def test_a_switch_that_lists_no_registrations_is_believed_as_it_names_them(switch: SimulatedSwitch) -> None:
    contacts = [f"sofia/internal/{switch.phone('1001').contact}" for _ in range(2)]
    assert ask(Sender(switch, lists=False), DOMAIN, ["1001"], 1.0)["1001"].endpoints == tuple(contacts)


def test_two_registrations_of_one_phone_ring_it_once_where_it_was_renewed_last(switch: SimulatedSwitch) -> None:
    switch.phone("1001", contact="sip:1001@10.0.0.2:5060;rinstance=old")
    switch.phone("1001", contact="sip:1001@10.0.0.2:5060;rinstance=new")
    other = switch.phone("1001")
    assert endpoints(switch) == (
        "sofia/internal/sip:1001@10.0.0.2:5060;rinstance=new",
        f"sofia/internal/{other.contact}",
    )


INSTANCE = ";+sip.instance=%22%3Curn:uuid:1A%3E%22"
ONE_PHONE = [
    ("internal/sip:1001@10.0.0.2:5060", "internal/sip:1001@10.0.0.2:5060;transport=tcp"),
    ("internal/sip:1001@10.0.0.2:5060", "external/sip:1001@10.0.0.2:5060"),
    ("internal/sip:1001@10.0.0.2", "internal/sip:1001@10.0.0.2:5060;x=a@b?c"),
    ("internal/sip:1001@HOME.test", "internal/sip:1001@home.test"),
    ("internal/sip:a@10.0.0.2" + INSTANCE, "internal/sip:b@10.0.0.3" + INSTANCE.lower()),
    (
        "internal/sip:1001@192.168.1.5:5060;fs_nat=yes;fs_path=sip%3A1001%40203.0.113.5%3A1024",
        "internal/sip:1001@192.168.1.5:5060;fs_nat=yes;fs_path=sip%3A1001%40203.0.113.5%3A4711%3Btransport%3Dtcp",
    ),
]
TWO_PHONES = [
    ("internal/sip:1001@10.0.0.2:5060", "internal/sip:1001@10.0.0.2:5062"),
    ("internal/sip:1001@10.0.0.2:5060", "internal/sip:desk@10.0.0.2:5060"),
    ("internal/sip:1001@10.0.0.2:5060", "internal/sip:1001@10.0.0.3:5060"),
    ("internal/sip:1001@[2001:db8::1]", "internal/sip:1001@[2001:db8::2]"),
    ("internal/sip:1001@10.0.0.2;transport=tls", "internal/sip:1001@10.0.0.2"),
    (
        "internal/sip:1001@192.168.1.5:5060;fs_nat=yes;fs_path=sip%3A1001%40203.0.113.5%3A1024",
        "internal/sip:1001@192.168.1.5:5060;fs_nat=yes;fs_path=sip%3A1001%40198.51.100.7%3A1024",
    ),
]


@pytest.mark.parametrize(("old", "new"), ONE_PHONE)
def test_one_phone_is_dialled_once(old: str, new: str) -> None:
    assert among(f"sofia/{old}", f"sofia/{new}").endpoints == (f"sofia/{new}",)


@pytest.mark.parametrize(("one", "other"), TWO_PHONES)
def test_two_phones_are_both_dialled(one: str, other: str) -> None:
    assert among(f"sofia/{one}", f"sofia/{other}").endpoints == (f"sofia/{one}", f"sofia/{other}")


def test_a_phone_keeps_its_call_id_when_it_moves_and_the_registration_renewed_last_is_dialled() -> None:
    moved = [
        Registration("1001", DOMAIN, "same", "sofia/internal/sip:1001@10.0.0.3", expires=3500),
        Registration("1001", DOMAIN, "same", "sofia/internal/sip:1001@10.0.0.2", expires=60),
    ]
    assert phones_among(moved, DOMAIN).endpoints == ("sofia/internal/sip:1001@10.0.0.3",)


def test_three_registrations_of_which_two_and_two_have_a_sign_in_common_are_one_phone() -> None:
    rows = [
        Registration("1001", DOMAIN, "a", "sofia/internal/sip:1001@10.0.0.2"),
        Registration("1001", DOMAIN, "b", "sofia/internal/sip:1001@10.0.0.3"),
        Registration("1001", DOMAIN, "a", "sofia/internal/sip:1001@10.0.0.3;transport=tcp"),
    ]
    assert phones_among(rows, DOMAIN).endpoints == ("sofia/internal/sip:1001@10.0.0.3;transport=tcp",)


def test_of_one_phone_a_contact_that_can_be_dialled_is_dialled() -> None:
    found = among("sofia/internal/sip:1001@10.0.0.2:5060", "sofia/internal/sip:1001@10.0.0.2:5060;x=<y>")
    assert found == MemberPhones(("sofia/internal/sip:1001@10.0.0.2:5060",))


LINE = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.tuples(LINE, LINE, LINE), max_size=3))
def test_a_row_says_nothing_of_others_whatever_a_phone_registered(rows: list[tuple[str, str, str]]) -> None:
    """A Call-ID, a contact and a user agent are a phone's own words, but have no line of their own."""
    text = "".join(
        f'Call-ID:    \t{call_id}\nUser:       \t{number}@{DOMAIN}\nContact:    \t"" <sip:{contact}>\n'
        f"Agent:      \t{agent}\n"
        f"Status:     \tRegistered(UDP)(unknown) EXP(2026-11-29 11:35:24) EXPSECS({number})\n\n"
        for number, (call_id, contact, agent) in enumerate(rows)
    )
    found = registrations_in(f"\nRegistrations:\n====\n{text}Total items returned: {len(rows)}\n====\n", "internal")
    assert [(row.user, row.domain, row.expires) for row in found] == [(str(n), DOMAIN, n) for n in range(len(rows))]


@pytest.mark.parametrize(
    "stored",
    [
        '"" <sip:1001@10.0.0.9:5060>',
        '"A <b>" <sip:1001@10.0.0.9:5060>',
        'A"b <sips:1001@10.0.0.9:5060>',
        "sip:1001@10.0.0.9:5060",
        '"" <sip:1001@10.0.0.9:5060',
    ],
)
def test_a_contact_is_read_as_the_switch_reads_it(stored: str) -> None:
    text = f"\nRegistrations:\n====\nUser: 1001@{DOMAIN}\nContact:    \t{stored}\n\n"
    (row,) = registrations_in(text, "internal")
    assert row.contact == GOOD


@pytest.mark.parametrize(
    "contact",
    [
        "sofia/internal/sip:a@10.0.0.2;x=,sofia/internal/sip:1003@10.0.0.3",
        "sofia/internal/sip:a@10.0.0.2;x=,",
        "sofia/internal/sip:a$b'c@10.0.0.2;x=:_:y",
        "sofia/internal/sip:" + "a" * MAX_CONTACT_CHARS,
    ],
)
def test_a_contact_with_any_legal_character_is_one_phone(contact: str) -> None:
    assert among(contact, GOOD) == MemberPhones((contact, GOOD))


@pytest.mark.parametrize(
    "contact",
    [
        "sofia/internal/sip:a$@10.0.0.2;x=,[execute_on_answer='set:x y']loopback/1003",
        "sofia/internal/sip:a@10.0.0.2|sofia/internal/sip:1003@10.0.0.3",
        "sofia/internal/sip:${system(ls)}@10.0.0.2",
        "sofia/internal/sip:a@10.0.0.2;x=\u00e9",
        "sofia/internal/sip:" + "a" * (MAX_CONTACT_CHARS + 1),
        "loopback/1003",
    ],
)
def test_a_contact_that_cannot_be_dialled_is_named_and_the_others_ring(contact: str) -> None:
    found = among(contact, GOOD)
    assert found.endpoints == (GOOD,)
    assert len(found.undialable) == 1
    assert found.why_not is None
    alone = among(contact)
    assert (alone.registered, alone.endpoints) == (True, ())
    assert alone.why_not is not None
    assert alone.why_not.startswith("no SIP address that can be dialled: ")
    assert alone.why_not.isascii()


@given(st.text(max_size=60))
def test_what_a_phone_registered_never_changes_the_dial_string(text: str) -> None:
    """Invariant I10."""
    for contact in among(f"sofia/internal/sip:1001@{text}").endpoints:
        dialled = as_dialled(contact)
        assert not set(dialled.replace("\\,", "")) & set("{}|<>^'\"\\ ,\r\n")
        assert ":_:" not in dialled


def test_where_the_directory_does_not_answer_in_time_the_registered_phones_count(switch: SimulatedSwitch) -> None:
    phone, sender = switch.phone("1001"), Sender(switch)
    switch.dial_strings["1001"] = "error/user_busy"
    assert not ask(sender, DOMAIN, ["1001"], 1.0)["1001"].endpoints
    sender.directory_is_slow = True
    found = ask(sender, DOMAIN, ["1001"], 5.0, directory_seconds=0.5)["1001"]
    assert (found.endpoints, found.reach) == ((f"sofia/internal/{phone.contact}",), UNANSWERED)
    assert ask(sender, DOMAIN, ["1001"], 5.0, directory_seconds=0.0)["1001"] == found
    assert sender.seconds == [1.0, 0.5], "it is not even asked where there is no time for it"
