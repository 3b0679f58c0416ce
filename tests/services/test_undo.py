"""Undo brings back what was before, is itself a change, and never overwrites what somebody has changed since."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from fshunt.db.queries.accounts import administrators_of
from fshunt.errors import Conflict, NotFound, UsageError
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.hours import Holiday
from fshunt.hunting.hours_text import parse_intervals, parse_week
from fshunt.hunting.ringtime import RingTime
from fshunt.services import audit, groups, hours, members
from fshunt.services.audit import Actor, Entrance, Subject
from fshunt.services.hours import Zone
from fshunt.services.undo import UNDOABLE, can_undo, undo
from tests.support.small_office import DOMAIN, PILOT, addresses, extensions, look, make_office

ONE, TWO, MOBILE = addresses("1001", "1002", "+14155550123@carrier")


def change_of(store, change):
    """Do something, and return the id of the change it is."""
    with store.writing() as s:
        change(s)
        return audit.last_change_id(s)


def undone(store, change_id, **options):
    with store.writing() as s:
        audit.acting(s, Actor("ben", Entrance.API))
        return undo(s, change_id, **options)


def refused(store, change_id, error=Conflict):
    before = look(store)
    with pytest.raises(error) as caught:
        undone(store, change_id)
    assert look(store) == before
    return str(caught.value)


TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
CHRISTMAS = Holiday("Christmas", date(2026, 12, 25), date(2026, 12, 26), parse_intervals("09:00-12:00"))
SET_GROUP = {
    "name": "Shop",
    "policy": "weighted",
    "ring_time": RingTime(seconds=12.5),
    "voicemail": "1099",
    "hunt_timeout": 90.0,
    "auto_block": 3,
    "on_busy": parse_destination("transfer:5001"),
    "enabled": False,
}
CHANGES = {
    "set group": lambda s: groups.set_group(s, DOMAIN, PILOT, **SET_GROUP),
    "disable group": lambda s: groups.enable_group(s, DOMAIN, PILOT, False),
    "add member": lambda s: members.add_members(s, DOMAIN, PILOT, addresses("1009"), at=1, weight=7),
    "remove member": lambda s: members.remove_member(s, DOMAIN, PILOT, MOBILE),
    "remove last member": lambda s: members.remove_member(s, DOMAIN, PILOT, TWO),
    "move member": lambda s: members.move_member(s, DOMAIN, PILOT, TWO, 1),
    "order members": lambda s: members.order_members(s, DOMAIN, PILOT, [TWO, ONE, MOBILE]),
    "set member": lambda s: members.set_member(s, DOMAIN, PILOT, MOBILE, ring_time=None, weight=0, confirm=True),
    "disable member": lambda s: members.enable_member(s, DOMAIN, PILOT, ONE, False),
    "block": lambda s: members.block(s, DOMAIN, "1002", True),
    "block with an end": lambda s: members.block(s, DOMAIN, "1002", True, until=TOMORROW),
    "new end of a block": lambda s: members.block(s, DOMAIN, "1001", True, until=TOMORROW),
    "set hours": lambda s: hours.set_hours(s, DOMAIN, PILOT, parse_week(["daily", "8-17"]), Zone("Asia/Tokyo")),
    "clear hours": lambda s: hours.clear_hours(s, DOMAIN, PILOT),
    "add holiday": lambda s: hours.add_holiday(s, DOMAIN, PILOT, Holiday("inventory", *[date(2026, 7, 1)] * 2)),
    "remove holiday": lambda s: hours.remove_holiday(s, DOMAIN, PILOT, CHRISTMAS.first, CHRISTMAS.last),
    "close by hand": lambda s: hours.close_group(s, DOMAIN, PILOT, until=TOMORROW),
    "unblock": lambda s: members.block(s, DOMAIN, "1001", False),
}


@pytest.fixture
def office(store):
    """A group with settings of its own, three members each with their own, and a block."""
    make_office(store, name="Sales", policy="circular", ring_time=RingTime(rings=4))
    with store.writing() as s:
        members.add_members(s, DOMAIN, PILOT, [ONE])
        members.add_members(s, DOMAIN, PILOT, [MOBILE], weight=5, confirm=False, ring_time=RingTime(rings=2))
        members.add_members(s, DOMAIN, PILOT, [TWO])
        members.block(s, DOMAIN, "1001", True)
        hours.set_hours(s, DOMAIN, PILOT, parse_week(["mon-fri", "8-12,13-17"]), Zone("Europe/Rome"))
        hours.add_holiday(s, DOMAIN, PILOT, CHRISTMAS)
    return look(store)


def facts(group):
    """All of a group but the ids of its members, who are others after they were removed."""
    whole = audit.group_values(group)
    blocks = [(each.extension, each.blocked, each.blocked_until) for each in group.members]
    return whole | {"id": group.id, "blocked": blocks}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_undone_and_the_undo_too(store, office, change):
    change_id = change_of(store, change)
    after = look(store)
    assert facts(after) != facts(office)
    first = undone(store, change_id)
    assert facts(look(store)) == facts(office)
    assert (first.actor, first.entrance, first.undoes) == ("ben", Entrance.API, change_id)
    second = undone(store, first.id)
    assert facts(look(store)) == facts(after)
    undone(store, second.id)
    assert facts(look(store)) == facts(office)
    with store.reading() as s:
        assert audit.get_change(s, change_id).undone_by == first.id
        assert audit.get_change(s, first.id).undone_by == second.id


def test_a_renumbered_group_has_its_pilot_again(store, office):
    change_id = change_of(store, lambda s: groups.renumber_group(s, DOMAIN, PILOT, "5100"))
    undone(store, change_id)
    assert look(store) == office


def test_a_change_from_before_a_new_number_is_undone_under_it(store, office):
    change_id = change_of(store, lambda s: groups.set_group(s, DOMAIN, PILOT, name="Shop"))
    change_of(store, lambda s: groups.renumber_group(s, DOMAIN, PILOT, "5100"))
    undone(store, change_id)
    assert look(store, "5100").name == "Sales"


def test_a_removed_group_is_there_again_with_members_and_id(store, office):
    change_id = change_of(store, lambda s: groups.remove_group(s, DOMAIN, PILOT))
    restored = undone(store, change_id)
    again = look(store)
    assert audit.group_values(again) == audit.group_values(office)
    assert (again.id, restored.group_id, restored.undoes) == (office.id, office.id, change_id)
    with store.reading() as s:
        newest = [each for each in audit.history(s) if each.id > change_id and each.undoes == change_id]
    assert [(each.subject, each.key) for each in newest] == [(Subject.GROUP, PILOT)], "one change, not one a member"
    undone(store, restored.id)
    with store.reading() as s, pytest.raises(NotFound):
        groups.get_group(s, DOMAIN, PILOT)


def test_a_block_that_went_with_the_member_is_undone_by_itself(store, office):
    change_of(store, lambda s: members.remove_member(s, DOMAIN, PILOT, ONE))
    with store.reading() as s:
        member, block, *_ = audit.history(s)
    assert (block.subject, member.subject) == (Subject.BLOCK, Subject.MEMBER)
    assert "only a member can be blocked" in refused(store, block.id, NotFound)
    undone(store, member.id)
    assert not look(store).members[0].blocked
    undone(store, block.id)
    assert facts(look(store)) == facts(office)


def test_a_value_that_was_changed_since_is_named_with_both_values(store, office):
    change_id = change_of(store, lambda s: groups.set_group(s, DOMAIN, PILOT, name="Shop", cycles=2))
    change_of(store, lambda s: groups.set_group(s, DOMAIN, PILOT, name="Store"))
    assert refused(store, change_id) == (
        f"Somebody has changed group 5000 since change {change_id}: `name` was set to 'Shop' and is 'Store' now."
    )


def test_another_field_that_was_changed_since_does_not_count(store, office):
    change_id = change_of(store, lambda s: groups.set_group(s, DOMAIN, PILOT, name="Shop"))
    change_of(store, lambda s: groups.set_group(s, DOMAIN, PILOT, cycles=2))
    undone(store, change_id)
    assert (look(store).name, look(store).cycles) == ("Sales", 2)


def test_a_new_group_that_got_members_since_is_not_removed(store, office):
    change_id = change_of(store, lambda s: groups.add_group(s, DOMAIN, "5001"))
    change_of(store, lambda s: members.add_members(s, DOMAIN, "5001", addresses("1011")))
    assert "`members` was set to empty and is 1011 now" in refused(store, change_id)


def test_a_new_member_that_others_moved_is_removed(store, office):
    change_id = change_of(store, lambda s: members.add_members(s, DOMAIN, PILOT, addresses("1009")))
    change_of(store, lambda s: members.move_member(s, DOMAIN, PILOT, parse_member("1009"), 1))
    undone(store, change_id)
    assert extensions(look(store)) == extensions(office)


def test_a_move_after_which_somebody_moved_the_member_is_refused(store, office):
    change_id = change_of(store, lambda s: members.move_member(s, DOMAIN, PILOT, TWO, 1))
    change_of(store, lambda s: members.move_member(s, DOMAIN, PILOT, TWO, 2))
    assert "`position` was set to 1 and is 2 now" in refused(store, change_id)


def test_a_new_order_after_which_somebody_moved_a_member_is_refused_with_both(store, office):
    change_id = change_of(store, lambda s: members.order_members(s, DOMAIN, PILOT, [TWO, ONE, MOBILE]))
    change_of(store, lambda s: members.move_member(s, DOMAIN, PILOT, MOBILE, 1))
    assert refused(store, change_id) == (
        f"Somebody has changed group 5000 since change {change_id}: `order` was set to "
        "1002, 1001, +14155550123@carrier and is +14155550123@carrier, 1002, 1001 now."
    )


def test_what_is_gone_or_there_again_is_refused(store, office):
    set_id = change_of(store, lambda s: members.set_member(s, DOMAIN, PILOT, TWO, weight=3))
    removed_id = change_of(store, lambda s: members.remove_member(s, DOMAIN, PILOT, TWO))
    assert "member 1002 is not there any more" in refused(store, set_id)
    change_of(store, lambda s: members.add_members(s, DOMAIN, PILOT, [TWO]))
    assert "member 1002 is there again" in refused(store, removed_id)


def test_a_member_who_joined_another_group_since_is_refused_unless_shared(store, office):
    change_id = change_of(store, lambda s: members.remove_member(s, DOMAIN, PILOT, TWO))
    make_office(store, "1002", pilot="5001")
    assert "1002 is already a member of 5001" in refused(store, change_id)
    undone(store, change_id, shared_members=[DOMAIN])
    assert extensions(look(store)) == extensions(office)


def test_a_removed_member_of_a_group_that_is_shorter_now_comes_last(store, office):
    change_id = change_of(store, lambda s: members.remove_member(s, DOMAIN, PILOT, TWO))
    for address in (ONE, MOBILE):
        change_of(store, lambda s, address=address: members.remove_member(s, DOMAIN, PILOT, address))
    undone(store, change_id)
    assert extensions(look(store)) == ["1002"]


def test_a_member_of_a_group_that_is_gone_cannot_come_back(store, office):
    change_id = change_of(store, lambda s: members.remove_member(s, DOMAIN, PILOT, TWO))
    make_office(store, pilot="5001")
    change_of(store, lambda s: groups.remove_group(s, DOMAIN, PILOT))
    with pytest.raises(Conflict, match="Group 5000 is not there any more"):
        undone(store, change_id)


def test_a_change_is_undone_once(store, office):
    change_id = change_of(store, lambda s: groups.set_group(s, DOMAIN, PILOT, name="Shop"))
    by = undone(store, change_id).id
    sentence = f"Change {change_id} is undone already: undo change {by} to have it again."
    assert refused(store, change_id) == sentence
    with store.reading() as s:
        assert not can_undo(audit.get_change(s, change_id))
        assert can_undo(audit.get_change(s, by))


@pytest.mark.sql
def test_of_many_who_undo_one_change_at_once_one_does(store, office):
    change_id = change_of(store, lambda s: groups.set_group(s, DOMAIN, PILOT, name="Shop"))

    def try_it(_):
        try:
            undone(store, change_id)
        except Conflict:
            return 0
        return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(try_it, range(4))) == 1


def test_a_field_of_another_version_is_left_as_it_is(store, office):
    both = {"name": "Sales", "lamp": "off"}, {"name": "Shop", "lamp": "on"}
    with store.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, name="Shop")
        group = groups.get_group(s, DOMAIN, PILOT)
        made = audit.record_of_group(
            s, group, Subject.GROUP, audit.ChangeKind.SET, PILOT, before=both[0], after=both[1]
        )
    undone(store, made)
    assert look(store).name == "Sales"


def test_a_change_of_another_subject_cannot_be_undone(store, office):
    with store.writing() as s:
        change_id = audit.record(s, Subject.USER, audit.ChangeKind.ADD, "ana", after={"role": "admin"})
        assert not can_undo(audit.get_change(s, change_id))
    assert refused(store, change_id, UsageError) == f"Change {change_id} cannot be undone: it is of a user."
    refused(store, 4711, NotFound)


def test_a_restored_group_begins_without_administrators_if_these_are_gone(store, office):
    change_id = change_of(store, lambda s: groups.remove_group(s, DOMAIN, PILOT))
    undone(store, change_id)
    with store.reading() as s:
        assert administrators_of(s, look(store).id) == []


def test_each_subject_that_can_be_undone_is_one_of_the_audit():
    assert {Subject.GROUP, Subject.MEMBER, Subject.BLOCK} <= set(UNDOABLE)


def test_hours_that_somebody_set_since_are_said_in_words(store):
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5900", voicemail="1001")
        added = audit.last_change_id(s)
        hours.set_hours(s, DOMAIN, "5900", parse_week(["mon", "08:00-12:00"]), Zone("Asia/Tokyo"))
    with (
        store.writing() as s,
        pytest.raises(Conflict, match="`hours` was set to not set and is time zone 'Asia/Tokyo', "),
    ):
        undo(s, added)
