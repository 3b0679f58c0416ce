"""Blocks of an extension: in all groups, in one alone, and from one to the other."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from fshunt.hunting.blocks import Block, BlockState
from fshunt.hunting.group import Member
from tests.support.small_office import NOON, addresses

PILOTS = ("5000", "5001", "5002")
HOUR = timedelta(hours=1)
FREE = BlockState(None, dict.fromkeys(PILOTS))
ends = st.none() | st.integers(1, 5).map(lambda hours: NOON + hours * HOUR)
steps = st.lists(st.tuples(st.booleans(), st.none() | st.sampled_from(PILOTS), ends), max_size=8)


def walked(moves):
    """The state after blocks and unblocks, one a minute."""
    state = FREE
    for minute, (blocks, pilot, until) in enumerate(moves):
        now = NOON + timedelta(minutes=minute)
        state = state.blocked(pilot, now, until) if blocks else state.unblocked(pilot)
    return state


def ends_of(state, *but):
    return {p: (b is not None, b and b.until) for p in PILOTS if p not in but for b in [state.block_in(p)]}


@given(steps, st.sampled_from(PILOTS), ends)
def test_a_change_in_one_group_leaves_all_others_as_they_are(moves, pilot, until):
    state = walked(moves)
    for after in (state.blocked(pilot, NOON, until), state.unblocked(pilot)):
        assert ends_of(after, pilot) == ends_of(state, pilot)
        assert after.pilots == PILOTS


@given(steps, st.sampled_from(PILOTS), ends)
def test_what_was_asked_for_holds_and_one_state_stands(moves, pilot, until):
    state = walked(moves)
    assert state.blocked(pilot, NOON, until).block_in(pilot) is not None
    assert state.unblocked(pilot).block_in(pilot) is None
    assert state.blocked(None, NOON, until).in_all
    assert state.unblocked(None) == FREE
    for after in (state, state.blocked(None, NOON, until)):
        assert after.everywhere is None or not any(after.groups.values())


def test_a_block_of_one_group_in_a_block_of_all_changes_nothing():
    everywhere = FREE.blocked(None, NOON, NOON + HOUR)
    assert everywhere.blocked("5000", NOON, None) == everywhere


def test_whoever_is_put_back_in_one_group_stays_blocked_in_the_others_as_long():
    everywhere = BlockState(Block(NOON, NOON + HOUR, automatic=True), dict.fromkeys(PILOTS))
    after = everywhere.unblocked("5001")
    stays = Block(NOON, NOON + HOUR, in_group=True)
    assert after == BlockState(None, {"5000": stays, "5001": None, "5002": stays})
    assert (after.blocked_in, after.in_all) == (("5000", "5002"), False)


def test_of_two_blocks_of_a_group_the_longer_stays():
    """As they are after an auto-block, which is of all groups and does not end, or by an older version."""
    long, short = Block(NOON, None, in_group=True), Block(NOON, NOON + HOUR, in_group=True)
    both = BlockState(Block(NOON, NOON + 2 * HOUR), {"5000": long, "5001": short, "5002": None})
    after = both.unblocked("5002")
    assert (after.groups["5000"], after.groups["5001"].until) == (long, NOON + 2 * HOUR)


def test_an_extension_without_groups_is_blocked_nowhere():
    nowhere = BlockState(None, {})
    assert (nowhere.in_all, nowhere.blocked_in, nowhere.block_in("5000")) == (False, (), None)


def test_of_a_member_the_block_that_has_not_ended_counts():
    everywhere, here = Block(NOON, NOON + HOUR), Block(NOON, NOON + 2 * HOUR, in_group=True)
    member = Member(1, 1, *addresses("1001"), blocks=(everywhere, here))
    assert (member.blocked_until, member.blocked_in_group) == (NOON + HOUR, False)
    later = member.at(NOON + HOUR)
    assert (later.blocked, later.blocked_until, later.blocked_in_group) == (True, NOON + 2 * HOUR, True)
    assert not later.at(NOON + 2 * HOUR).blocked
