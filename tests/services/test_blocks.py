"""Blocks of one group: what each block and unblock leaves, which change it is, and how it is undone."""

from datetime import UTC, datetime, timedelta

import pytest

from fshunt.db.models import Block
from fshunt.db.queries import member_status
from fshunt.db.queries.auto_block import AUTO
from fshunt.db.queries.rows import find_domain_id
from fshunt.errors import Conflict, NotFound, UsageError
from fshunt.hunting.addresses import parse_member
from fshunt.services import audit, groups, members
from fshunt.services.audit import ChangeKind, Subject
from fshunt.services.undo import undo
from tests.support.small_office import DOMAIN, PILOT, addresses, make_office

PILOTS = (PILOT, "5001", "5002")
ONE = parse_member("1001")
TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
LATER = TOMORROW + timedelta(days=1)


@pytest.fixture
def office(store):
    """1001 is in three groups, 1002 in the first."""
    make_office(store, "1001", "1002")
    with store.writing() as s:
        for pilot in PILOTS[1:]:
            groups.add_group(s, DOMAIN, pilot)
            members.add_members(s, DOMAIN, pilot, [ONE], shared=True)
    return store


def did(store, change):
    """Do something, and return the one change that it is (None: it is none)."""
    with store.writing() as s:
        newest = audit.history(s, limit=1)
        change(s)
        made = audit.history(s, after_id=newest[0].id)
        assert len(made) <= 1, "one change"
        return made[0] if made else None


def block(store, pilot=None, **how):
    return did(store, lambda s: members.block(s, DOMAIN, "1001", True, pilot=pilot, **how))


def unblock(store, pilot=None):
    return did(store, lambda s: members.block(s, DOMAIN, "1001", False, pilot=pilot))


def auto_block(store):
    with store.writing() as s:
        row = {"domain_id": find_domain_id(s, DOMAIN), "extension": "1001", "since": datetime.now(UTC)}
        s.add(Block(**row, reason=AUTO))


def state(store):
    with store.reading() as s:
        return members.block_state(s, DOMAIN, "1001", datetime.now(UTC))


def seen(store):
    """Where the extension is blocked, until when, and whether there alone, as the groups have it."""
    with store.reading() as s:
        found = groups.list_groups(s, DOMAIN)
    mine = {group.pilot: member for group in found for member in group.members if member.extension == "1001"}
    assert not any(member.blocked for group in found for member in group.members if member.extension != "1001")
    held = {pilot: (each.blocked_until, each.blocked_in_group) for pilot, each in mine.items() if each.blocked}
    assert tuple(held) == state(store).blocked_in
    return held


def test_a_block_of_one_group_holds_there_alone(office):
    change = block(office, "5001", until=TOMORROW)
    assert seen(office) == {"5001": (TOMORROW, True)}
    assert (change.subject, change.action, change.key, change.pilot) == (Subject.BLOCK, ChangeKind.ADD, "1001", "5001")
    assert change.before == {"group 5001": None}
    assert change.after["group 5001"]["until"].startswith(TOMORROW.isoformat()[:19])
    assert unblock(office, "5001").action is ChangeKind.REMOVE
    assert seen(office) == {}


def test_a_new_end_is_a_change_and_the_same_end_is_none(office):
    since = block(office, "5001").after["group 5001"]["since"]
    assert block(office, "5001") is None
    change = block(office, "5001", until=TOMORROW)
    assert (change.action, change.after["group 5001"]["since"]) == (ChangeKind.SET, since)
    assert unblock(office, PILOT) is None
    assert seen(office) == {"5001": (TOMORROW, True)}


def test_a_block_of_all_groups_takes_the_place_of_those_of_single_ones(office):
    block(office, "5001", until=TOMORROW)
    assert block(office).action is ChangeKind.ADD
    assert seen(office) == dict.fromkeys(PILOTS, (None, False))
    assert block(office, "5002", until=TOMORROW) is None, "it is blocked there already"
    assert unblock(office).action is ChangeKind.REMOVE
    assert seen(office) == {}


def test_unblocking_all_ends_the_blocks_of_single_groups(office):
    block(office, "5001")
    block(office, "5002", until=TOMORROW)
    change = unblock(office)
    assert (change.action, change.pilot) == (ChangeKind.REMOVE, None)
    assert change.after == {"group 5001": None, "group 5002": None}
    assert seen(office) == {}


def test_put_back_in_one_group_the_others_stay_blocked_as_long(office):
    block(office, until=TOMORROW)
    change = unblock(office, "5001")
    assert seen(office) == dict.fromkeys([PILOT, "5002"], (TOMORROW, True))
    assert (change.action, change.pilot, change.after["until"]) == (ChangeKind.REMOVE, "5001", None)


def test_a_block_by_unanswered_calls_becomes_the_members_own(office):
    block(office, "5002", until=TOMORROW)
    auto_block(office)
    assert seen(office) == dict.fromkeys(PILOTS, (None, False))
    unblock(office, PILOT)
    assert seen(office) == dict.fromkeys(["5001", "5002"], (None, True))


CHANGES = {
    "block one": lambda s: members.block(s, DOMAIN, "1001", True, pilot="5002"),
    "new end of one": lambda s: members.block(s, DOMAIN, "1001", True, pilot="5001", until=LATER),
    "unblock one": lambda s: members.block(s, DOMAIN, "1001", False, pilot="5001"),
    "block all": lambda s: members.block(s, DOMAIN, "1001", True, until=LATER),
    "unblock all": lambda s: members.block(s, DOMAIN, "1001", False),
}


@pytest.mark.parametrize("before", [["5001"], [None], ["5001", "5002"], ["auto", "5001"]])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_is_undone_and_the_undo_too(office, before, change):
    for each in before:
        auto_block(office) if each == "auto" else block(office, each, until=TOMORROW)
    was = state(office)
    made = did(office, change)
    if made is None:
        assert state(office) == was
        return
    after = state(office)
    assert after != was
    first = did(office, lambda s: undo(s, made.id))
    assert text(state(office)) == text(was)
    second = did(office, lambda s: undo(s, first.id))
    assert text(state(office)) == text(after)
    did(office, lambda s: undo(s, second.id))
    assert text(state(office)) == text(was)


def text(state):
    """A state as changes have it: in thousandths of a second."""

    def moment(when):
        return when and when.isoformat(timespec="milliseconds")

    every = [state.everywhere, *state.groups.values()]
    return [each and (moment(each.since), moment(each.until), each.automatic, each.in_group) for each in every]


def test_what_happened_since_in_another_group_does_not_count(office):
    change = block(office, "5001")
    block(office, "5002")
    did(office, lambda s: undo(s, change.id))
    assert seen(office) == {"5002": (None, True)}


def test_what_happened_since_in_the_same_group_does(office):
    change = block(office, "5001")
    block(office, "5001", until=TOMORROW)
    with pytest.raises(Conflict, match="Somebody has changed block 1001 since"), office.writing() as s:
        undo(s, change.id)


def test_it_is_undone_under_another_pilot(office):
    change = block(office, "5001")
    with office.writing() as s:
        groups.renumber_group(s, DOMAIN, "5001", "5100")
    assert seen(office) == {"5100": (None, True)}
    again = did(office, lambda s: undo(s, change.id))
    assert (seen(office), again.pilot) == ({}, "5100")
    did(office, lambda s: undo(s, again.id))
    assert seen(office) == {"5100": (None, True)}


def test_a_block_with_an_end_that_is_past_is_not_restored(office):
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    with office.writing() as s:
        members.block(s, DOMAIN, "1001", True, pilot="5001", now=long_ago, until=long_ago + timedelta(hours=3))
    change = unblock(office, "5001")
    with office.writing() as s:
        values = change.before["group 5001"] | {"until": (long_ago + timedelta(hours=1)).isoformat()}
        s.execute(audit.changes.CHANGES.update().values(before={"group 5001": values}))
    with pytest.raises(Conflict, match="The block of 1001 has ended by now"), office.writing() as s:
        undo(s, change.id)


def test_a_block_that_has_ended_is_none(office):
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    with office.writing() as s:
        members.block(s, DOMAIN, "1001", True, pilot="5001", now=long_ago, until=long_ago + timedelta(hours=1))
    assert seen(office) == {}
    change = block(office, "5001")
    assert (change.action, change.before) == (ChangeKind.ADD, {"group 5001": None})


def test_a_block_of_one_group_goes_with_the_member_as_a_change_of_its_own(office):
    block(office, "5001")
    with office.writing() as s:
        members.remove_member(s, DOMAIN, "5001", ONE)
        gone, dropped, *_ = audit.history(s)
        assert (gone.subject, dropped.subject, dropped.pilot) == (Subject.MEMBER, Subject.BLOCK, "5001")
    with pytest.raises(NotFound, match="1001 is not a member of 5001"), office.writing() as s:
        undo(s, dropped.id)
    with office.writing() as s:
        undo(s, gone.id, shared_members=[DOMAIN])
    assert seen(office) == {}
    did(office, lambda s: undo(s, dropped.id))
    assert seen(office) == {"5001": (None, True)}


def test_a_block_of_one_group_goes_with_the_group(office):
    block(office, "5001")
    with office.writing() as s:
        groups.remove_group(s, DOMAIN, "5001")
        removed, dropped, *_ = audit.history(s)
        assert (removed.subject, dropped.subject, dropped.pilot) == (Subject.GROUP, Subject.BLOCK, "5001")
        undo(s, removed.id, shared_members=[DOMAIN])
    assert seen(office) == {}
    did(office, lambda s: undo(s, dropped.id))
    assert seen(office) == {"5001": (None, True)}


def test_a_new_group_of_a_member_who_is_blocked_in_the_others_rings(office):
    for pilot in PILOTS:
        block(office, pilot)
    assert state(office).in_all
    with office.writing() as s:
        groups.add_group(s, DOMAIN, "5003")
        members.add_members(s, DOMAIN, "5003", [ONE], shared=True)
    assert not state(office).in_all


def test_only_a_member_of_the_group_can_be_blocked_in_it(office):
    with pytest.raises(NotFound, match=r"^1002 is not a member of 5001: did you mean 1001"), office.writing() as s:
        members.block(s, DOMAIN, "1002", True, pilot="5001")
    with pytest.raises(NotFound, match=r"^There is no group 5009 in"), office.writing() as s:
        members.block(s, DOMAIN, "1001", True, pilot="5009")
    with pytest.raises(UsageError, match="is past"), office.writing() as s:
        members.block(s, DOMAIN, "1001", True, pilot="5001", until=datetime.now(UTC))
    assert seen(office) == {}


def test_the_count_of_unanswered_calls_begins_anew_where_the_member_is_put_back(office):
    with office.writing() as s:
        s.execute(member_status.MEMBERS.update().values(unanswered_in_a_row=2))
        members.block(s, DOMAIN, "1001", True)
        members.block(s, DOMAIN, "1001", False, pilot="5001")
    with office.reading() as s:
        found = groups.list_groups(s, DOMAIN)
    counts = {group.pilot: each.unanswered_in_a_row for group in found for each in group.members if each.id != 2}
    assert counts == {PILOT: 2, "5001": 0, "5002": 2}


def test_of_who_is_no_member_the_state_has_no_groups(office):
    with office.reading() as s:
        nobody = members.block_state(s, DOMAIN, "1009", datetime.now(UTC))
        elsewhere = members.block_state(s, "other.test", "1001", datetime.now(UTC))
    assert nobody == elsewhere
    assert (nobody.pilots, nobody.in_all) == ((), False)


def test_the_database_says_who_may_not_ring_in_a_group(office):
    block(office, "5001", until=TOMORROW)
    with office.reading() as s:
        ids = {g.pilot: m.id for g in groups.list_groups(s, DOMAIN) for m in g.members if m.address == ONE}
        assert member_status.may_not_ring(s, ids.values(), datetime.now(UTC)) == {ids["5001"]: "blocked"}
        assert member_status.may_not_ring(s, ids.values(), TOMORROW) == {}


def test_an_external_member_is_blocked_in_one_group(office):
    with office.writing() as s:
        members.add_members(s, DOMAIN, PILOT, addresses("+14155550123@carrier"))
        found = members.block(s, DOMAIN, "+14155550123@carrier", True, pilot=PILOT)
    assert (found.blocked_in, found.everywhere, found.in_all) == ((PILOT,), None, True)
