"""The tables of fields and the typed models, which are written by hand, name the same things."""

from dataclasses import fields

import pytest

from fshunt.db.models import HuntGroup, HuntMember
from fshunt.errors import BadValue, UsageError
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import GROUP_FIELDS, MEMBER_FIELDS, columns_of, model_values
from fshunt.hunting.ringtime import RingTime

BLOCK = ("blocked_since", "blocked_until")
"""Of a member: the block of this group alone."""


@pytest.mark.parametrize(
    ("table", "row", "others"),
    [
        (GROUP_FIELDS, HuntGroup, {"id", "domain_id", "closed_since", "closed_until"}),
        (MEMBER_FIELDS, HuntMember, {"id", "group_id", "position", "idle_since", "unanswered_in_a_row", *BLOCK}),
    ],
)
def test_the_fields_are_the_columns(table, row, others):
    assert set(table) == {column.name for column in row.__table__.columns} - others


OF_MEMBER = {"id", "position", "blocks", "idle_since", "unanswered_in_a_row"}


@pytest.mark.parametrize(
    ("table", "model", "others"),
    [
        (GROUP_FIELDS, Group, {"id", "domain", "members", "hours"}),
        (MEMBER_FIELDS, Member, OF_MEMBER),
    ],
)
def test_the_fields_are_the_attributes_of_the_model(table, model, others):
    assert {field.in_model for field in table.values()} == {each.name for each in fields(model)} - others


def test_a_group_and_its_columns_are_the_same():
    group = Group(id=1, domain="pbx.test", pilot="5000", ring_time=RingTime(seconds=20.0), voicemail="1005")
    assert Group(id=1, domain="pbx.test", **model_values(GROUP_FIELDS, columns_of(group))) == group


def test_a_value_out_of_bounds_is_named_with_its_bounds():
    with pytest.raises(BadValue, match=r"^`cycles` must be from 1 to 100, not 0\.$"):
        model_values(GROUP_FIELDS, {"cycles": 0})
    with pytest.raises(UsageError, match="Use only one of"):
        model_values(GROUP_FIELDS, {"rings": 3, "ring_seconds": 20.0})
