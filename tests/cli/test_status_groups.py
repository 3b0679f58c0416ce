"""`fshunt status` names groups none of whose members had a phone in the last calls."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fshunt.db.queries import calls
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.states import Outcome, Result
from fshunt.services import cluster_findings

from .conftest import content_of
from .test_calls import open_call

pytestmark = [pytest.mark.sql, pytest.mark.usefixtures("no_daemon_of_this_machine")]

ABSENT = {"1001": SkipReason.UNREGISTERED, "1002": SkipReason.UNREGISTERED}
UNREACHABLE = "nobody reachable"


@pytest.fixture
def called(store) -> Callable[..., None]:
    """Write a call so many minutes ago: whom it skipped and why, and how it ended."""

    def called(
        minutes: float,
        skips: dict[str, SkipReason] = ABSENT,
        *,
        reason: str | None = UNREACHABLE,
        result: Result | None = Result.VOICEMAIL,
        offer: Outcome | None = None,
        **others: Any,
    ) -> None:
        at, hunt = datetime.now(UTC) - timedelta(minutes=minutes), f"h{minutes}{others}"
        place = {"call_id": hunt, "cycle": 1}
        with store.writing() as s:
            open_call(s, hunt, uuid=f"u-{hunt}", started_at=at, **others)
            for position, (extension, why) in enumerate(skips.items(), 1):
                where = {"stage": position, "position": position, "extension": extension}
                calls.add_skip(s, f"{hunt}-{position}", **place, **where, reason=why, at=at)
            if offer is not None:
                where = {"stage": 9, "position": 9, "extension": "1009", "phones": 1, "ring_seconds": 18.0}
                calls.add_offer(s, f"{hunt}-offer", **place, **where, started_at=at)
                calls.end_offer(s, f"{hunt}-offer", ended_at=at, outcome=offer)
            if result is not None:
                calls.close_call(s, hunt, result=result, reason=reason, destination=None, ended_at=at)

    return called


def named(office) -> list[dict[str, Any]]:
    """The findings on groups; whether a daemon runs is of no interest."""
    problems = content_of(office.invoke("status", "--json").stdout)["problems"]
    return [problem for problem in problems if problem["code"] == "group-unregistered"]


def test_a_group_whose_last_three_calls_found_no_phone_is_named(office, called):
    for minutes in (9, 7, 5):
        called(minutes)
    [problem] = named(office)
    assert problem["message"] == (
        "Group 5000 of pbx.test: no member had a phone registered in its last 3 calls, the last one 5 min ago: run "
        '`fshunt config check`, and `fs_cli -x "sofia status profile internal reg"` for what is registered.'
    )
    assert (problem["domain"], problem["pilot"]) == ("pbx.test", "5000")
    since = datetime.now(UTC) - datetime.fromisoformat(problem["since"])
    assert timedelta(minutes=9) <= since < timedelta(minutes=10)
    assert f"PROBLEM  {problem['message']}" in office.invoke("status").stdout.splitlines()


def test_two_calls_are_not_enough(office, called):
    called(9)
    called(7)
    assert named(office) == []


@pytest.mark.parametrize(
    ("more", "of_it"),
    [
        ({"reason": None, "result": Result.ANSWERED, "offer": Outcome.ANSWERED}, "a member answered"),
        ({"reason": "nobody answered", "offer": Outcome.NO_ANSWER}, "a phone rang"),
        ({"offer": Outcome.UNREACHABLE}, "a member had a phone, which could not be reached"),
        ({"skips": ABSENT | {"1003": SkipReason.BLOCKED}}, "a member has gone home"),
        ({"skips": {"1001": SkipReason.DISABLED}}, "an administrator has disabled the members"),
        ({"skips": {}}, "the group has no members"),
    ],
)
@pytest.mark.parametrize("minutes", [8, 6, 4])
def test_one_of_the_last_three_calls_that_had_another_end_is_enough(office, called, more, of_it, minutes):
    for others in {8, 6, 4} - {minutes}:
        called(others)
    called(minutes, **more)
    assert named(office) == [], of_it


@pytest.mark.parametrize(
    ("more", "of_it"),
    [
        ({"reason": "closed: by hand", "skips": {}}, "the group was closed"),
        ({"result": None, "reason": None, "skips": {}}, "the call has just come"),
        ({"pilot": "5001", "reason": None, "result": Result.ANSWERED}, "it is of another group"),
        ({"domain": "other.test", "reason": None, "result": Result.ANSWERED}, "it is of another domain"),
    ],
)
def test_calls_that_tell_nothing_of_the_phones_do_not_count(office, called, more, of_it):
    for minutes in (9, 7, 5):
        called(minutes)
    called(1, **more)
    assert [problem["pilot"] for problem in named(office)] == ["5000"], of_it


@pytest.mark.parametrize(
    "more",
    [{"skips": ABSENT | {"1003": SkipReason.DISABLED}}, {"offer": Outcome.UNREGISTERED}],
    ids=["one of them disabled", "one gone as it was rung"],
)
def test_a_member_who_is_disabled_or_lost_the_phone_at_the_ring_had_none(office, called, more):
    for minutes in (9, 7, 5):
        called(minutes, **more)
    assert len(named(office)) == 1


def test_calls_of_last_month_and_of_a_removed_group_are_of_no_interest(office, called):
    for minutes in (9, 7, 5):
        called(minutes + 60 * 24 * 30)
        called(minutes, pilot="5009")
    assert named(office) == []


def test_of_many_groups_the_first_are_named_and_the_others_counted(office, called, monkeypatch):
    monkeypatch.setattr(cluster_findings, "MAX_UNREGISTERED", 2)
    for pilot in ("5001", "5002", "5003"):
        office.run("group", "add", pilot)
        for minutes in (9, 7, 5):
            called(minutes, pilot=pilot)
    one, two, others = named(office)
    assert [one["pilot"], two["pilot"], others["pilot"]] == ["5001", "5002", None]
    assert others["message"].startswith("1 group more rang no phone in the last 3 calls")
