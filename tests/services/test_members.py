import pytest

from fshunt.db.queries.rows import lock_rotation
from fshunt.errors import BadValue, Conflict, NotFound, UsageError
from fshunt.hunting.addresses import MemberAddress
from fshunt.hunting.ringtime import RingTime
from fshunt.hunting.rotation import next_index
from fshunt.services import groups, members
from tests.support.small_office import DOMAIN, PILOT, addresses, extensions, look, make_office

ONE, TWO, THREE, FOUR = addresses("1001", "1002", "1003", "1004")
EXTERNAL = addresses("+14155550123@carrier")[0]


def add(store, *added, **how):
    with store.writing() as s:
        return members.add_members(s, DOMAIN, PILOT, list(added), **how)


def positions(group):
    return [member.position for member in group.members]


def test_members_are_added_at_the_end_or_at_a_position(store):
    make_office(store, "1001", "1002")
    assert extensions(add(store, THREE)) == ["1001", "1002", "1003"]
    changed = add(store, FOUR, EXTERNAL, at=2)
    assert extensions(changed) == ["1001", "1004", "+14155550123@carrier", "1002", "1003"]
    assert positions(changed) == [1, 2, 3, 4, 5]
    assert look(store) == changed


@pytest.mark.parametrize(("at", "sentence"), [(0, "use 1 to 3"), (4, "use 1 to 3"), (-1, "does not exist")])
def test_a_position_out_of_range_names_the_valid_ones(store, at, sentence):
    before = make_office(store, "1001", "1002")
    with pytest.raises(UsageError, match=sentence):
        add(store, THREE, at=at)
    assert look(store) == before


def test_external_numbers_must_confirm_by_default(store):
    make_office(store)
    assert [m.confirm for m in add(store, ONE, EXTERNAL).members] == [False, True]
    added = add(store, *addresses("+4930123@carrier"), confirm=False)
    assert added.members[2].confirm is False
    assert add(store, TWO, confirm=True).members[3].confirm is True


def test_a_member_keeps_every_setting(store):
    make_office(store)
    fields = {"ring_time": RingTime(rings=5), "weight": 100, "confirm": True, "enabled": False}
    added = add(store, ONE, **fields).members[0]
    assert {name: getattr(added, name) for name in fields} == fields
    with store.writing() as s:
        changed = members.set_member(s, DOMAIN, PILOT, ONE, ring_time=None, weight=0).members[0]
    assert (changed.ring_time, changed.weight, changed.confirm) == (None, 0, True)
    assert look(store).members[0] == changed


def test_only_an_external_member_has_a_number_to_show(store):
    before = make_office(store, "1001")
    with pytest.raises(UsageError, match="1002 is an extension, whose phone shows the caller"):
        add(store, EXTERNAL, TWO, caller_id_number="4930100")
    with pytest.raises(UsageError), store.writing() as s:
        members.set_member(s, DOMAIN, PILOT, ONE, caller_id_number="4930100")
    assert look(store) == before
    assert add(store, EXTERNAL, caller_id_number="4930100").members[1].caller_id_number == "4930100"


@pytest.mark.parametrize("weight", [-1, 101])
def test_a_weight_out_of_range_is_refused(store, weight):
    before = make_office(store, "1001")
    with pytest.raises(BadValue, match="must be from 0 to 100"):
        add(store, TWO, weight=weight)
    with pytest.raises(BadValue), store.writing() as s:
        members.set_member(s, DOMAIN, PILOT, ONE, weight=weight)
    assert look(store) == before


REFUSED = [
    (MemberAddress("10 03"), BadValue, "without spaces"),
    (MemberAddress("1003,1004"), BadValue, "is not an extension"),
    (MemberAddress("1003", "${gateway}"), BadValue, "is not a gateway"),
    (ONE, Conflict, r"^1001 is already a member of 5000\.$"),
    (FOUR, Conflict, r"^1004 is listed twice\.$"),
    (MemberAddress("5001"), Conflict, "5001 is the pilot of a group"),
    (
        MemberAddress("1009"),
        Conflict,
        r"^1009 is already a member of 5001; remove it there first, or list the domain in `shared_members`\.$",
    ),
]


@pytest.mark.parametrize(("bad", "error", "sentence"), REFUSED)
def test_one_bad_member_adds_none(store, bad, error, sentence):
    before = make_office(store, "1001")
    make_office(store, "1009", pilot="5001")
    with pytest.raises(error, match=sentence):
        add(store, FOUR, THREE, bad, at=1)
    assert look(store) == before


def test_a_shared_member_may_be_in_two_groups_but_not_twice_in_one(store):
    make_office(store, "1001")
    make_office(store, "1002", pilot="5001")
    assert extensions(add(store, TWO, shared=True)) == ["1001", "1002"]
    with pytest.raises(Conflict, match="already a member of 5000"):
        add(store, TWO, shared=True)


def test_the_same_extension_in_another_domain_is_another_member(store):
    make_office(store, "1001")
    with store.writing() as s:
        groups.add_group(s, "other.test", PILOT)
        assert extensions(members.add_members(s, "other.test", PILOT, [ONE])) == ["1001"]


ONE_WAY, OTHER_WAY, LONGER = addresses("+4930123@one", "+4930123@two", "+49301234@two")


def test_one_number_over_two_gateways_is_one_member(store):
    before = make_office(store, "1001")
    with pytest.raises(Conflict, match=r"^\+4930123@two is listed twice, once as \+4930123@one\.$"):
        add(store, ONE_WAY, OTHER_WAY)
    assert look(store) == before
    assert extensions(add(store, ONE_WAY, LONGER)) == ["1001", "+4930123@one", "+49301234@two"]
    with pytest.raises(Conflict, match=r"^\+4930123@two is already a member of 5000, as \+4930123@one\.$"):
        add(store, OTHER_WAY, shared=True)


@pytest.mark.parametrize("written", ["4930123@one", "004930123@one", "4930123@two"])
def test_one_number_in_two_spellings_is_one_member(store, written):
    [again] = addresses(written)
    make_office(store, "4930123", "04930123@one")
    with pytest.raises(Conflict, match=rf"^{written} is listed twice, once as \+4930123@one\.$"):
        add(store, ONE_WAY, again)
    assert extensions(add(store, ONE_WAY)) == ["4930123", "04930123@one", "+4930123@one"]
    with pytest.raises(Conflict, match=rf"^{written} is already a member of 5000, as \+4930123@one\.$"):
        add(store, again, shared=True)


@pytest.mark.parametrize("written", ["4930123@one", "004930123@two"])
def test_one_number_in_two_spellings_is_in_one_group_unless_shared(store, written):
    [again] = addresses(written)
    make_office(store, "1001")
    make_office(store, "+4930123@one", pilot="5001")
    with pytest.raises(Conflict, match=rf"^{written} is already a member of 5001, as \+4930123@one; remove it"):
        add(store, again)
    assert extensions(add(store, again, shared=True))[-1] == written


def test_one_number_over_two_gateways_is_in_one_group_unless_shared(store):
    make_office(store, "4930123", "+49301234@two")
    make_office(store, "+4930123@one", pilot="5001")
    with pytest.raises(Conflict, match=r"^\+4930123@two is already a member of 5001, as \+4930123@one; remove it"):
        add(store, OTHER_WAY)
    assert extensions(add(store, OTHER_WAY, shared=True))[-1] == "+4930123@two"


def test_those_behind_a_removed_member_move_up(store):
    make_office(store, "1001", "1002", "1003")
    with store.writing() as s:
        changed = members.remove_member(s, DOMAIN, PILOT, ONE)
    assert (extensions(changed), positions(changed)) == (["1002", "1003"], [1, 2])
    assert look(store) == changed


@pytest.mark.parametrize(
    ("who", "to", "order"),
    [
        (ONE, 3, ["1002", "1003", "1001", "1004"]),
        (FOUR, 1, ["1004", "1001", "1002", "1003"]),
        (TWO, 2, ["1001", "1002", "1003", "1004"]),
        (THREE, 4, ["1001", "1002", "1004", "1003"]),
    ],
)
def test_a_member_is_moved(store, who, to, order):
    make_office(store, "1001", "1002", "1003", "1004")
    with store.writing() as s:
        changed = members.move_member(s, DOMAIN, PILOT, who, to)
    assert (extensions(changed), positions(changed)) == (order, [1, 2, 3, 4])
    assert look(store) == changed


@pytest.mark.parametrize("to", [0, 3, 99])
def test_a_move_out_of_range_changes_nothing(store, to):
    before = make_office(store, "1001", "1002")
    with pytest.raises(UsageError, match="use 1 to 2"), store.writing() as s:
        members.move_member(s, DOMAIN, PILOT, ONE, to)
    assert look(store) == before


@pytest.mark.parametrize("order", [["1003", "1001", "1004", "1002"], ["1004", "1003", "1002", "1001"]])
def test_all_members_get_a_new_order(store, order):
    make_office(store, "1001", "1002", "1003", "1004")
    with store.writing() as s:
        changed = members.order_members(s, DOMAIN, PILOT, addresses(*order))
    assert (extensions(changed), positions(changed)) == (order, [1, 2, 3, 4])
    assert look(store) == changed


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (["1003", "1001"], r"^The order must name each member of 5000 once; missing: 1002\.$"),
        ([], "once; missing: 1001, 1002, 1003"),
        (["1003", "1002", "1001", "1003"], r"^1003 is listed twice\.$"),
        (["1003", "1002", "1001", "1009"], "^1009 is not a member of 5000: did you mean 1001"),
        (["1003", "1002", "1001@carrier"], "^1001@carrier is not a member of 5000"),
    ],
)
def test_a_list_that_is_no_order_of_the_members_changes_nothing(store, order, sentence):
    before = make_office(store, "1001", "1002", "1003")
    with pytest.raises(UsageError, match=sentence), store.writing() as s:
        members.order_members(s, DOMAIN, PILOT, addresses(*order))
    assert look(store) == before


@pytest.mark.parametrize(("gone", "turn"), [(None, "1003"), ("1002", "1003"), ("1004", "1001")])
def test_the_turn_stays_with_its_member_in_a_new_order(store, gone, turn):
    """1002 answered last, or one who is gone; then the member after that one is next, in the new order, too."""
    group = make_office(store, "1001", "1002", "1003", "1004")
    answerer = next(each for each in group.members if each.extension == (gone or "1002"))
    with store.writing() as s:
        row = lock_rotation(s, group.id)
        row.answerer_id, row.answerer_position = answerer.id, answerer.position
    with store.writing() as s:
        if gone is not None:
            members.remove_member(s, DOMAIN, PILOT, answerer.address)
        order = [each for each in ("1003", "1001", "1004", "1002") if each != gone]
        members.order_members(s, DOMAIN, PILOT, addresses(*order))
    with store.reading() as s:
        [details] = groups.details_of(s, [look(store)])
    ids = [each.id for each in details.group.members]
    assert details.group.members[next_index(details.answerer, ids)].extension == turn


def test_an_unknown_member_is_reported_with_the_known_ones(store):
    make_office(store, "2001", "2002")
    with pytest.raises(NotFound, match=r"^1001 is not a member of 5000: did you mean 2001"), store.writing() as s:
        members.remove_member(s, DOMAIN, PILOT, ONE)
    with pytest.raises(NotFound, match=r"there are 2001, 2002\.$"), store.writing() as s:
        members.enable_member(s, DOMAIN, PILOT, MemberAddress("abc"), False)


def test_a_member_can_be_disabled_and_enabled(store):
    make_office(store, "1001", "1002")
    for enabled in (False, True):
        with store.writing() as s:
            members.enable_member(s, DOMAIN, PILOT, TWO, enabled)
        assert [m.enabled for m in look(store).members] == [True, enabled]


def test_a_block_holds_in_all_groups_of_the_domain_and_in_no_other(store):
    make_office(store, "1001", "1002")
    make_office(store, pilot="5001")
    with store.writing() as s:
        members.add_members(s, DOMAIN, "5001", [ONE], shared=True)
        groups.add_group(s, "other.test", PILOT)
        members.add_members(s, "other.test", PILOT, [ONE])
        members.block(s, DOMAIN, "1001", True)
        members.block(s, DOMAIN, "1001", True)
        assert [m.blocked for g in groups.list_groups(s, DOMAIN) for m in g.members] == [True, False, True]
        assert [m.blocked for g in groups.list_groups(s, "other.test") for m in g.members] == [False]
        members.block(s, DOMAIN, "1001", False)
        assert [m.blocked for g in groups.list_groups(s, DOMAIN) for m in g.members] == [False, False, False]


def test_an_external_member_can_be_blocked(store):
    make_office(store, "+14155550123@carrier")
    with store.writing() as s:
        members.block(s, DOMAIN, "+14155550123@carrier", True)
    assert look(store).members[0].blocked


def test_only_a_member_can_be_blocked(store):
    make_office(store, "1001")
    with pytest.raises(NotFound, match="1002 is in no group of"), store.writing() as s:
        members.block(s, DOMAIN, "1002", True)
    with pytest.raises(BadValue), store.writing() as s:
        members.block(s, DOMAIN, "10 02", True)


def test_a_block_ends_with_the_last_membership_and_not_before(store):
    make_office(store, "1001")
    make_office(store, pilot="5001")
    with store.writing() as s:
        members.add_members(s, DOMAIN, "5001", [ONE], shared=True)
        members.block(s, DOMAIN, "1001", True)
        members.remove_member(s, DOMAIN, "5001", ONE)
    assert look(store).members[0].blocked
    with store.writing() as s:
        members.remove_member(s, DOMAIN, PILOT, ONE)
        assert not members.add_members(s, DOMAIN, PILOT, [ONE]).members[0].blocked
