"""The users of a directory, read from what ``list_users`` writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.freeswitch.directory_list import MAX_NAME_CHARS, DirectoryUser, NotListed, read_users

HEAD = "userid|context|domain|group|contact|callgroup|effective_caller_id_name|effective_caller_id_number"
AWAY = "error/user_not_registered"


def listed(*rows: str) -> str:
    return "\n".join([HEAD, *rows, "", "+OK", ""])


def users(*rows: str) -> list[tuple[str, str]]:
    return [tuple(user) for user in read_users(listed(*rows), "pbx.test")]


def test_numbers_and_names_in_order():
    assert users(
        f"1002|default|pbx.test|sales|{AWAY}|techsupport|Ben|1002",
        "1001|default|PBX.test|sales|sofia/internal/sip:1001@10.0.0.1:5060||Ana Ómez|1001",
    ) == [("1001", "Ana Ómez"), ("1002", "Ben")]


def test_a_user_of_several_groups_is_one_and_has_the_name():
    rows = [f"1001|default|pbx.test|{group}|{AWAY}||{name}|" for group, name in (("a", ""), ("b", "Ana"), ("c", "X"))]
    assert users(*rows) == [("1001", "Ana")]


def test_what_is_not_of_the_domain_or_no_number_is_left_out():
    assert (
        users(
            f"1001|default|other.test|a|{AWAY}||Ana|",
            f"10 01;reload|default|pbx.test|a|{AWAY}||Ben|",
            "1003|default|pbx.test",
            "",
        )
        == []
    )


def test_a_name_that_cannot_be_told_from_the_contact_is_none():
    assert users("1001|default|pbx.test|a|sofia/internal/sip:a|b@10.0.0.1||Ana|1001") == [("1001", "")]


def test_a_name_is_short_and_has_only_characters_that_are_printed():
    (user,) = users(f"1001|default|pbx.test|a|{AWAY}||\x1b[31mAna\u202e{'x' * 200}|")
    assert user[1].startswith("[31mAnax")
    assert len(user[1]) == MAX_NAME_CHARS


@pytest.mark.parametrize("text", ["", "-ERR list_users Command not found!\n", "-USAGE: list_users\n"])
def test_what_is_no_list_is_said_to_be_none(text):
    with pytest.raises(NotListed):
        read_users(text, "pbx.test")


@given(st.text())
def test_any_text_gives_users_or_one_error(text):
    for said in (text, listed(text)):
        try:
            found = read_users(said, "pbx.test")
        except NotListed:
            continue
        assert all(isinstance(user, DirectoryUser) and user.name.isprintable() for user in found)


def test_others_run_meanwhile():
    taken: list[int] = []
    rows = [f"1{number:04}|default|pbx.test|a|{AWAY}||N|" for number in range(500)]
    assert len(read_users(listed(*rows), "pbx.test", lambda: taken.append(1))) == 500
    assert taken
