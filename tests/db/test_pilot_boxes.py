"""The box of a pilot in the table is the one that the group says."""

from __future__ import annotations

import pytest

from fshunt.db.engine import Store
from fshunt.db.queries.pilot_boxes import all_pilots, last_change
from fshunt.hunting.addresses import parse_member
from fshunt.services import groups, members

pytestmark = pytest.mark.sql
DOMAIN = "pbx.test"


def test_each_group_has_the_box_that_it_says_itself(store: Store) -> None:
    made = {
        "5000": ((), None),
        "5001": (("1001", "1002", "0711@carrier"), None),
        "5002": (("1001", "1002"), "1009"),
        "5003": (("0711@carrier",), None),
    }
    with store.writing() as s:
        for pilot, (extensions, voicemail) in made.items():
            groups.add_group(s, DOMAIN, pilot, **({} if voicemail is None else {"voicemail": voicemail}))
            if extensions:
                members.add_members(s, DOMAIN, pilot, [parse_member(each) for each in extensions], shared=True)
    with store.reading() as s:
        expected = {(DOMAIN, group.pilot, group.box()) for group in groups.list_groups(s, DOMAIN)}
        assert set(all_pilots(s)) == expected
        assert {each.pilot: each.box for each in all_pilots(s)} == {
            "5000": None,
            "5001": "1002",
            "5002": "1009",
            "5003": None,
        }


def test_each_change_has_a_higher_number(store: Store) -> None:
    with store.reading() as s:
        assert last_change(s) == 0
    numbers = []
    for pilot in ("5000", "5001"):
        with store.writing() as s:
            groups.add_group(s, DOMAIN, pilot)
        with store.reading() as s:
            numbers.append(last_change(s))
    assert 0 < numbers[0] < numbers[1]
