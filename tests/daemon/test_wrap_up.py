"""Who in_wrap_up: by the monotonic clock where this daemon saw the call end (design, section 3)."""

from __future__ import annotations

from fshunt.daemon.data.wrap_up import MAX_KEPT, WrapUps


def test_the_wrap_up_starts_at_the_end_of_the_call() -> None:
    now = 100.0
    in_wrap_up = WrapUps(lambda: now)
    assert not in_wrap_up.in_wrap_up(1, 10)
    in_wrap_up.began(1)
    now = 109.9
    assert in_wrap_up.in_wrap_up(1, 10)
    assert in_wrap_up.next_end([1, 2], 10) == [110.0]
    now = 110.0
    assert not in_wrap_up.in_wrap_up(1, 10)


def test_what_another_daemon_saw_counts_if_it_is_later() -> None:
    now = 100.0
    in_wrap_up = WrapUps(lambda: now)
    in_wrap_up.began(1)
    now = 150.0
    in_wrap_up.seen(1, 5.0)
    assert in_wrap_up.in_wrap_up(1, 10)
    in_wrap_up.seen(1, 60.0)
    assert in_wrap_up.next_end([1], 10) == [155.0]


def test_memory_is_bounded() -> None:
    in_wrap_up = WrapUps(lambda: 0.0)
    for member_id in range(MAX_KEPT + 5):
        in_wrap_up.began(member_id)
    assert not in_wrap_up.in_wrap_up(4, 10)
    assert in_wrap_up.in_wrap_up(5, 10)
