"""Who counts as logged in, by what FreeSWITCH says of a channel."""

from __future__ import annotations

import pytest

from fshunt.esl.frames import Frame
from fshunt.freeswitch.logins import Login, login_of

LOGGED_IN = {
    "Call-Direction": "inbound",
    "Caller-Source": "mod_sofia",
    "Caller-Profile-Index": "1",
    "variable_sip_authorized": "true",
    "variable_sip_auth_username": "1001",
    "variable_sip_number_alias": "1001",
    "variable_requested_domain_name": "pbx.test",
    "variable_sip_network_ip": "192.0.2.7",
}


def channel(**changed: str | None) -> Frame:
    values = LOGGED_IN | {name.replace("__", "-"): value for name, value in changed.items()}
    return Frame("\n".join(f"{name}: {value}" for name, value in values.items() if value is not None).encode())


def test_who_has_proven_a_password_is_logged_in():
    login = login_of(channel())
    assert login == Login(("1001",), "pbx.test", "192.0.2.7")
    assert str(login) == "1001@pbx.test"


@pytest.mark.parametrize(("name", "alias"), [("1017", "2017"), ("2017", "2017")])
def test_a_further_number_of_the_user_is_a_name_too(name, alias):
    login = login_of(channel(variable_sip_auth_username=name, variable_sip_number_alias=alias))
    assert login.names == tuple(dict.fromkeys((name, alias)))


def test_neither_the_caller_id_nor_what_a_dialplan_or_an_address_sets_is_looked_at():
    said = {
        "variable_user_name": "1002",
        "variable_domain_name": "other.test",
        "variable_number_alias": "1002",
        "Caller__Caller-ID-Number": "1002",
        "variable_sip_h_X-sip_auth_username": "1002",
        "variable_sip_from_user": "1002",
    }
    assert login_of(channel(**said)) == login_of(channel())


NOBODY = [
    ({"variable_sip_auth_username": None}, "no password was asked for"),
    ({"variable_sip_auth_username": ""}, "no password was asked for"),
    ({"variable_sip_authorized": None}, "no password was asked for"),
    ({"variable_sip_authorized": "false"}, "no password was asked for"),
    ({"variable_requested_domain_name": None}, "no password was asked for"),
    ({"Caller__Profile-Index": "2"}, "by a transfer"),
    ({"Caller__Profile-Index": None}, "by a transfer"),
    ({"Call__Direction": "outbound"}, "not a call that a SIP phone makes"),
    ({"Caller__Source": "mod_loopback"}, "not a call that a SIP phone makes"),
]


@pytest.mark.parametrize(("changed", "why"), NOBODY, ids=[str(changed) for changed, _ in NOBODY])
def test_nobody_counts_as_logged_in(changed, why):
    assert why in login_of(channel(**changed))
