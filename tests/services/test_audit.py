"""Every change of the administration stands in the audit, in the transaction of the change, and only what changed."""

import pytest

from fshunt.errors import Conflict, NotFound
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.ringtime import RingTime
from fshunt.services import audit, groups, members
from fshunt.services.audit import Actor, ChangeKind, Entrance, Subject
from tests.support.small_office import DOMAIN, PILOT, addresses, look, make_office

pytestmark = pytest.mark.sql

ANA = Actor("ana", Entrance.PAGE, "192.0.2.7")
ONE = parse_member("1001")


def changed_by(store, change, actor=ANA):
    """What a change leaves in the audit, oldest first."""
    with store.writing() as s:
        before = {each.id for each in audit.history(s, limit=500)}
        audit.acting(s, actor)
        change(s)
    with store.reading() as s:
        return [each for each in reversed(audit.history(s, limit=500)) if each.id not in before]


def what(changes):
    return [(each.subject, each.action, each.key, each.before, each.after) for each in changes]


def test_a_new_group_is_recorded_whole_with_who_and_from_where(store):
    [change] = changed_by(store, lambda s: groups.add_group(s, DOMAIN, PILOT, name="Sales"))
    assert (change.actor, change.entrance, change.address) == ("ana", Entrance.PAGE, "192.0.2.7")
    assert (change.domain, change.pilot, change.group_id) == (DOMAIN, PILOT, look(store).id)
    assert (change.subject, change.action, change.key, change.before) == (Subject.GROUP, ChangeKind.ADD, PILOT, None)
    assert (change.after["name"], change.after["rings"], change.after["members"]) == ("Sales", 3, [])
    assert (change.undoes, change.undone_by) == (None, None)


def test_only_the_fields_that_changed_are_recorded(store):
    make_office(store, "1001", name="Sales")
    of_group = changed_by(store, lambda s: groups.set_group(s, DOMAIN, PILOT, name="Shop", cycles=1))
    assert what(of_group) == [(Subject.GROUP, ChangeKind.SET, PILOT, {"name": "Sales"}, {"name": "Shop"})]
    own = RingTime(seconds=20)
    of_member = changed_by(store, lambda s: members.set_member(s, DOMAIN, PILOT, ONE, ring_time=own, weight=1))
    [(*_, before, after)] = what(of_member)
    assert (before, after) == ({"ring_seconds": None}, {"ring_seconds": 20})


def test_what_changes_nothing_leaves_no_record(store):
    make_office(store, "1001", name="Sales")

    def nothing(s):
        groups.set_group(s, DOMAIN, PILOT, name="Sales")
        groups.enable_group(s, DOMAIN, PILOT, True)
        groups.renumber_group(s, DOMAIN, PILOT, PILOT)
        members.move_member(s, DOMAIN, PILOT, ONE, 1)
        members.enable_member(s, DOMAIN, PILOT, ONE, True)
        members.block(s, DOMAIN, "1001", False)

    assert changed_by(store, nothing) == []


def test_what_is_refused_leaves_no_record(store):
    make_office(store, "1001")

    def half(s):
        members.add_members(s, DOMAIN, PILOT, addresses("1002"))
        members.add_members(s, DOMAIN, PILOT, addresses("1001"))

    with pytest.raises(Conflict):
        changed_by(store, half)
    with store.reading() as s:
        assert [each.key for each in audit.history(s)] == ["1001", PILOT]


def test_members_come_and_go_with_their_position(store):
    make_office(store, "1001", "1002")
    added = changed_by(store, lambda s: members.add_members(s, DOMAIN, PILOT, addresses("1003", "1004"), at=2))
    assert [(each.key, each.after["position"]) for each in added] == [("1003", 2), ("1004", 3)]
    [moved] = changed_by(store, lambda s: members.move_member(s, DOMAIN, PILOT, ONE, 4))
    assert (moved.action, moved.before, moved.after) == (ChangeKind.MOVE, {"position": 1}, {"position": 4})
    order = addresses("1001", "1002", "1003", "1004")
    [ordered] = changed_by(store, lambda s: members.order_members(s, DOMAIN, PILOT, order))
    assert (ordered.subject, ordered.action, ordered.key) == (Subject.GROUP, ChangeKind.SET, PILOT)
    assert (ordered.before, ordered.after) == (
        {"order": ["1003", "1004", "1002", "1001"]},
        {"order": ["1001", "1002", "1003", "1004"]},
    )
    assert changed_by(store, lambda s: members.order_members(s, DOMAIN, PILOT, order)) == []
    changed_by(store, lambda s: members.move_member(s, DOMAIN, PILOT, ONE, 4))
    [gone] = changed_by(store, lambda s: members.remove_member(s, DOMAIN, PILOT, ONE))
    assert (gone.action, gone.after) == (ChangeKind.REMOVE, None)
    assert (gone.before["position"], gone.before["weight"], gone.before["extension"]) == (4, 1, "1001")


def test_a_removed_group_is_recorded_whole_with_the_blocks_that_go_with_it(store):
    make_office(store, "1001", "1002", name="Sales")
    with store.writing() as s:
        members.block(s, DOMAIN, "1002", True)
    block, group = changed_by(store, lambda s: groups.remove_group(s, DOMAIN, PILOT))
    assert (group.subject, group.action, group.before["name"]) == (Subject.GROUP, ChangeKind.REMOVE, "Sales")
    assert [each["extension"] for each in group.before["members"]] == ["1001", "1002"]
    assert (block.subject, block.action, block.key) == (Subject.BLOCK, ChangeKind.REMOVE, "1002")


def test_a_block_is_recorded_once_and_its_end(store):
    make_office(store, "1001")

    def twice(s):
        members.block(s, DOMAIN, "1001", True)
        members.block(s, DOMAIN, "1001", True)

    [blocked] = changed_by(store, twice)
    assert (blocked.subject, blocked.action, blocked.before) == (Subject.BLOCK, ChangeKind.ADD, None)
    assert (blocked.pilot, blocked.after["reason"]) == (None, None)
    [unblocked] = changed_by(store, lambda s: members.block(s, DOMAIN, "1001", False))
    assert (unblocked.action, unblocked.before, unblocked.after) == (ChangeKind.REMOVE, blocked.after, None)


def test_where_nobody_says_who_acts_fshunt_does(store):
    make_office(store)
    with store.reading() as s:
        [change] = audit.history(s)
    assert (change.actor, change.entrance, change.address) == ("fshunt", Entrance.DAEMON, None)


def test_an_actor_acts_in_one_transaction_only(store):
    changed_by(store, lambda s: groups.add_group(s, DOMAIN, PILOT))
    with store.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, name="Shop")
    with store.reading() as s:
        assert [each.actor for each in audit.history(s)] == ["fshunt", "ana"]


@pytest.fixture
def two_groups(store):
    """Group 5000 with 1001, group 5001 with 1002, and 1001 of another domain; each of the three is blocked."""
    for domain, pilot, extension in ((DOMAIN, PILOT, "1001"), (DOMAIN, "5001", "1002"), ("other.test", PILOT, "1001")):
        with store.writing() as s:
            groups.add_group(s, domain, pilot)
            members.add_members(s, domain, pilot, addresses(extension))
            members.block(s, domain, extension, True)
    return look(store)


def found(store, **which):
    with store.reading() as s:
        return [(each.domain, each.subject.value, each.key) for each in audit.history(s, **which)]


def test_the_history_of_a_group_has_its_members_and_their_blocks_and_no_others(store, two_groups):
    own = [(DOMAIN, "block", "1001"), (DOMAIN, "member", "1001"), (DOMAIN, "group", PILOT)]
    assert found(store, domain=DOMAIN, pilot=PILOT) == own
    assert found(store, group_ids={two_groups.id}) == own
    assert found(store, group_ids=()) == []
    assert len(found(store, domain=DOMAIN)) == 6
    assert found(store, domain=DOMAIN, subject=Subject.BLOCK, key="1002") == [(DOMAIN, "block", "1002")]
    assert found(store, actor="nobody") == []


def test_the_history_of_a_group_follows_its_number(store, two_groups):
    with store.writing() as s:
        groups.renumber_group(s, DOMAIN, PILOT, "5100")
        groups.add_group(s, DOMAIN, PILOT)
    under_new = found(store, domain=DOMAIN, pilot="5100")
    assert under_new == [
        (DOMAIN, "group", "5100"),
        (DOMAIN, "block", "1001"),
        (DOMAIN, "member", "1001"),
        (DOMAIN, "group", PILOT),
    ]
    assert found(store, domain=DOMAIN, pilot=PILOT, group_ids={two_groups.id})[-1] == (DOMAIN, "group", PILOT)
    with store.writing() as s:
        groups.remove_group(s, DOMAIN, "5100")
    assert (DOMAIN, "group", "5100") in found(store, domain=DOMAIN, pilot="5100"), "also when it is gone"


def test_pages_of_the_history_have_every_change_once(store, two_groups):
    with store.reading() as s:
        whole = [each.id for each in audit.history(s)]
        pages, before_id = [], None
        while page := audit.history(s, before_id=before_id, limit=2):
            pages += [each.id for each in page]
            before_id = page[-1].id
    assert pages == whole == sorted(whole, reverse=True)


def test_an_unknown_change_is_one_sentence(store):
    with store.reading() as s, pytest.raises(NotFound, match=r"^There is no change 7: `fshunt history` lists them\.$"):
        audit.get_change(s, 7)
