"""What a user's dial-string means for a hunt (fact 47)."""

from __future__ import annotations

import pytest

from fshunt.errors import BadValue
from fshunt.freeswitch.contacts import MemberPhones, as_directory_says
from fshunt.freeswitch.directory import (
    DIRECTORY_SECONDS,
    MAX_KNOWN,
    SEVERAL,
    SLOW_SECONDS,
    USUAL,
    KnownUsers,
    Reach,
    SlowDirectories,
    Way,
    read_dial_string,
    user_endpoint,
    verto_endpoints,
)

SIP = "${sofia_contact(*/${dialed_user}@${dialed_domain})}"
VERTO = "${verto_contact(${dialed_user}@${dialed_domain})}"
HEAD = "{^^:sip_invite_domain=${dialed_domain}:presence_id=${dialed_user}@${dialed_domain}}"


@pytest.mark.parametrize("said", ["", "-ERR no reply\n", SIP, HEAD + SIP, "[a=b]" + SIP, "{a=b,c=d}" + SIP, "{a=b}"])
def test_the_usual_dial_string_or_none_means_the_registered_phones(said: str) -> None:
    assert read_dial_string(said) == USUAL


@pytest.mark.parametrize(("said", "sip"), [(f"{HEAD}{SIP},{VERTO}", True), (VERTO, False), (f"{VERTO}|{SIP}", True)])
def test_verto_clients_count_where_the_dial_string_names_them(said: str, sip: bool) -> None:
    assert read_dial_string(said) == Reach(Way.CONTACTS, sip, verto=True)


@pytest.mark.parametrize(
    ("said", "way"),
    [
        ("error/user_busy", Way.DO_NOT_DISTURB),
        ("{presence_id=${dialed_user}@${dialed_domain}}error/USER_BUSY", Way.DO_NOT_DISTURB),
        ("error/call_rejected", Way.DO_NOT_DISTURB),
        ("error/user_not_registered", Way.NOBODY),
        ("error/subscriber_absent", Way.NOBODY),
        ("loopback/90151234567/default", Way.USER),
        ("{a=b,c=d}[x=y]loopback/90151234567/default/XML", Way.USER),
        ("sofia/gateway/carrier/0151", Way.USER),
        ("sofia/internal/${dialed_user}%${dialed_domain}", Way.USER),
        ("verto.rtc/${dialed_user}@${dialed_domain}", Way.USER),
        ("user/1002@pbx.test", Way.USER),
    ],
)
def test_another_endpoint_and_an_error_count_instead_of_the_phones(said: str, way: Way) -> None:
    found = read_dial_string(said)
    assert (found.way, found.not_honoured) == (way, None)


@pytest.mark.parametrize(
    ("said", "way", "what"),
    [
        (f"{SIP}|loopback/90151", Way.CONTACTS, "its endpoints besides the registered phones"),
        (f"{SIP},pickup/1001", Way.CONTACTS, "its endpoints besides the registered phones"),
        ("[leg_timeout=5]" + SIP, Way.CONTACTS, "leg_timeout in it"),
        ("{originate_timeout=9}loopback/90151", Way.USER, "originate_timeout in it"),
        ("loopback/1|loopback/2", Way.SEVERAL, "its several endpoints"),
        ("[leg_delay_start=3]loopback/1,sofia/gateway/carrier/2", Way.SEVERAL, "its several endpoints"),
        ("loopback/1:_:loopback/2", Way.SEVERAL, "its several endpoints"),
    ],
)
def test_what_is_not_honoured_is_named(said: str, way: Way, what: str) -> None:
    found = read_dial_string(said)
    assert (found.way, found.not_honoured) == (way, what)


def test_the_phones_that_count_are_those_the_directory_means() -> None:
    phones, user = MemberPhones(("sofia/internal/sip:1001@10.0.0.2:5060",)), "user/1001@pbx.test"

    def counted(said: str, verto: str = "") -> MemberPhones:
        return as_directory_says(phones, read_dial_string(said), user, verto_endpoints(verto))

    assert counted(SIP).endpoints == phones.endpoints
    assert counted(VERTO, "verto.rtc/u:5f0c").endpoints == ("verto.rtc/u:5f0c",)
    assert counted(f"{SIP},{VERTO}", "verto.rtc/u:5f0c").endpoints == (*phones.endpoints, "verto.rtc/u:5f0c")
    assert counted("loopback/90151").endpoints == (user,)
    assert counted("error/user_busy").do_not_disturb
    assert not counted("error/user_busy").endpoints
    assert not counted("error/user_not_registered").registered
    assert counted("loopback/1|loopback/2").why_not == SEVERAL


@pytest.mark.parametrize("said", ["error/user_not_registered", "-ERR verto_contact Command not found!\n", ""])
def test_no_verto_client_is_none(said: str) -> None:
    assert verto_endpoints(said) == ()


def test_of_an_answer_only_verto_clients_are_dialled() -> None:
    assert verto_endpoints("verto.rtc/u:5f0c,verto.rtc/u:5f0d,[a=b]loopback/1,verto.rtc/u:x y") == (
        "verto.rtc/u:5f0c",
        "verto.rtc/u:5f0d",
    )


def test_only_an_extension_of_a_domain_is_left_to_the_directory() -> None:
    assert user_endpoint("1001", "pbx.test") == "user/1001@pbx.test"
    with pytest.raises(BadValue):
        user_endpoint("1001,loopback/1", "pbx.test")


def test_the_users_who_are_remembered_are_bounded() -> None:
    users = KnownUsers()
    for number in range(MAX_KNOWN + 1):
        users.note("pbx.test", str(number), USUAL)
    users.note("pbx.test", "1", Reach(Way.USER))
    assert [users.is_by_contacts("pbx.test", number) for number in ("0", "1", "2")] == [None, False, True]
    assert [users.is_by_directory("pbx.test", number) for number in ("0", "1", "2")] == [False, True, False]


def test_of_a_slow_directory_one_hunt_asks_again_after_a_while_until_it_answers_in_time() -> None:
    now = 0.0
    slow = SlowDirectories(lambda: now)
    assert slow.seconds("a") == DIRECTORY_SECONDS
    assert not slow.note("a", answered=True)
    assert slow.note("a", answered=False), "news"
    assert not slow.note("a", answered=False), "of a hunt that asked at the same time"
    assert (slow.seconds("a"), slow.seconds("b")) == (0.0, DIRECTORY_SECONDS)
    now = SLOW_SECONDS
    assert [slow.seconds("a") for _ in range(2)] == [DIRECTORY_SECONDS, 0.0]
    assert slow.note("a", answered=True), "news"
    assert slow.seconds("a") == DIRECTORY_SECONDS
