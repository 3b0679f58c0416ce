"""The phones of an extension as its switch tells them, and those that cannot be dialled (facts 17 and 40)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.errors import BadValue
from fshunt.freeswitch.contacts import MemberPhones, phones_of, query
from fshunt.freeswitch.dialstring import as_dialled
from fshunt.hunting.validation import MAX_CONTACT_CHARS

MARK = "5f0c"
GOOD = "sofia/internal/sip:1001@10.0.0.9:5060"


def told(*contacts: str) -> MemberPhones:
    return phones_of(",".join(MARK + contact for contact in contacts), MARK)


def test_an_extension_is_checked_again_when_the_switch_is_asked_for_its_phones() -> None:
    assert query("1001", "pbx.test", MARK).lines == ("api sofia_contact */1001@pbx.test/5f0c",)
    with pytest.raises(BadValue):
        query("1001 x", "pbx.test", MARK)


def test_all_phones_of_a_user_are_taken() -> None:
    contacts = ("sofia/internal/sip:1001@10.0.0.2:5060", "sofia/internal/sip:1001@[2001:db8::2]:5060;transport=tcp")
    assert told(*contacts) == MemberPhones(contacts)


@pytest.mark.parametrize("answer", ["error/user_not_registered", "", "-ERR no such command"])
def test_an_unregistered_extension_has_no_phones(answer: str) -> None:
    found = phones_of(answer, MARK)
    assert (found.registered, found.why_not) == (False, None)


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
    assert told(contact, GOOD, contact) == MemberPhones((contact, GOOD, contact))


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
    found = told(contact, GOOD)
    assert found.endpoints == (GOOD,)
    assert len(found.undialable) == 1
    assert found.why_not is None
    alone = told(contact)
    assert (alone.registered, alone.endpoints) == (True, ())
    assert alone.why_not is not None
    assert alone.why_not.startswith("no SIP address that can be dialled: ")
    assert alone.why_not.isascii()


@given(st.text(max_size=60))
def test_what_a_phone_registered_never_changes_the_dial_string(text: str) -> None:
    """Invariant I10."""
    for contact in told(f"sofia/internal/sip:1001@{text}").endpoints:
        dialled = as_dialled(contact)
        assert not set(dialled.replace("\\,", "")) & set("{}|<>^'\"\\ ,\r\n")
        assert ":_:" not in dialled
