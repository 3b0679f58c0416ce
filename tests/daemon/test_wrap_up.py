"""Who rests: by the monotonic clock where this daemon saw the call end (design, section 3)."""

from __future__ import annotations

from fshunt.daemon.data.wrap_up import MAX_KEPT, Rests


def test_a_member_rests_from_the_end_of_the_call_for_so_long() -> None:
    now = 100.0
    rests = Rests(lambda: now)
    assert not rests.rests(1, 10)
    rests.began(1)
    now = 109.9
    assert rests.rests(1, 10)
    assert rests.next_end([1, 2], 10) == [110.0]
    now = 110.0
    assert not rests.rests(1, 10)


def test_what_another_daemon_saw_counts_if_it_is_later() -> None:
    now = 100.0
    rests = Rests(lambda: now)
    rests.began(1)
    now = 150.0
    rests.seen(1, 5.0)
    assert rests.rests(1, 10)
    rests.seen(1, 60.0)
    assert rests.next_end([1], 10) == [155.0]


def test_memory_is_bounded() -> None:
    rests = Rests(lambda: 0.0)
    for member_id in range(MAX_KEPT + 5):
        rests.began(member_id)
    assert not rests.rests(4, 10)
    assert rests.rests(5, 10)
