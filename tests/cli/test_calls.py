import re
from datetime import UTC, datetime, timedelta

import pytest

from fshunt.db.queries import calls
from fshunt.hunting.availability import AUTO_BLOCKED, SkipReason
from fshunt.hunting.policies import decide
from fshunt.hunting.policy_input import PolicyInput, PolicyMember
from fshunt.hunting.rotation import RotationPointer
from fshunt.hunting.states import Outcome, Result
from fshunt.services.call_story import OUTCOME_WORDS, RESULT_WORDS

START = datetime(2025, 3, 31, 9, 0, 0, tzinfo=UTC)
UUID = "3f2a9c41-0000-4000-8000-000000000001"
FACTS = PolicyInput(
    "circular",
    tuple(PolicyMember(number, str(1000 + number)) for number in (1, 2, 3)),
    answerer=RotationPointer(1, 1),
    first=None,
    seed=7,
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def open_call(session, hunt_id="h1", uuid=UUID, domain="pbx.test", pilot="5000", started_at=START, **others) -> None:
    known = {
        "group_name": "Sales",
        "policy": "circular",
        "caller_number": "+14155550100",
        "caller_name": "Bob",
        "policy_input": FACTS.to_json(),
        "node": "node-1",
    }
    calls.open_call(session, hunt_id, uuid=uuid, domain=domain, pilot=pilot, started_at=started_at, **known | others)


def a_hunt(session) -> None:
    """1002 is on another hunt's call, 1003 does not answer on two phones, 1001 takes the call."""
    open_call(session)
    place = {"call_id": "h1", "cycle": 1}
    calls.add_skip(session, "s1", **place, stage=1, position=2, extension="1002", reason=SkipReason.CLAIMED, at=at(0.1))
    offer = {"phones": 2, "ring_seconds": 18.0}
    calls.add_offer(session, "o1", **place, stage=2, position=3, extension="1003", started_at=at(0.2), **offer)
    calls.end_offer(session, "o1", ended_at=at(18.2), outcome=Outcome.NO_ANSWER, cause="NO_ANSWER")
    offer = {"phones": 1, "ring_seconds": 20.0}
    calls.add_offer(session, "o2", **place, stage=3, position=1, extension="1001", started_at=at(18.3), **offer)
    calls.end_offer(session, "o2", ended_at=at(21.8), outcome=Outcome.ANSWERED)
    calls.note_answered(session, "h1", answered_by="1001", answered_at=at(21.8))
    calls.close_call(session, "h1", result=Result.ANSWERED, reason=None, destination=None, ended_at=at(80))


@pytest.fixture
def utc_here(monkeypatch):
    """This machine is in UTC."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def hunted(fshunt, store, utc_here):
    with store.writing() as session:
        a_hunt(session)
    return fshunt


def test_the_list_in_json_has_what_others_rely_on(hunted):
    [call] = hunted.json("call", "list")
    relied_on = {
        "uuid": UUID,
        "domain": "pbx.test",
        "pilot": "5000",
        "caller_number": "+14155550100",
        "started_at": "2025-03-31T09:00:00.000Z",
        "ended_at": "2025-03-31T09:01:20.000Z",
        "result": "answered",
        "answered_by": "1001",
    }
    assert {name: call[name] for name in relied_on} == relied_on


def test_the_list_of_calls_has_one_line_a_call(hunted):
    titles, line = hunted.run("call", "list").stdout.splitlines()
    assert titles.split() == ["started", "pilot", "caller", "result", "seconds", "uuid"]
    assert re.split(" {2,}", line) == [
        "2025-03-31 09:00:00",
        "5000",
        "Bob <+14155550100>",
        "answered by 1001",
        "80",
        "3f2a9c41",
    ]


def test_a_short_uuid_is_as_long_as_call_show_needs(hunted, store):
    with store.writing() as session:
        open_call(session, "h2", "3f2a9c41-1000", started_at=at(5))
        open_call(session, "h3", "3f2a9c41", started_at=at(6))
        open_call(session, "h4", "9d", started_at=at(7))
    lines = hunted.run("call", "list").stdout.splitlines()[1:]
    shown = [line.split()[-1] for line in lines]
    assert shown == ["9d", "3f2a9c41", "3f2a9c41-1", "3f2a9c41-0"]
    assert hunted.json("call", "show", shown[2])["uuid"] == "3f2a9c41-1000"
    assert [line.split()[-1] for line in hunted.run("call", "list", "--wide").stdout.splitlines()][-1] == UUID


def test_a_long_list_has_whole_uuids(hunted, monkeypatch):
    monkeypatch.setattr("fshunt.services.call_story.MAX_SHORT_UUIDS", 0)
    assert hunted.run("call", "list").stdout.split()[-1] == UUID


def test_without_calls_the_list_is_empty(fshunt):
    assert fshunt.json("call", "list") == []
    assert fshunt.run("call", "list").stdout.startswith("No calls yet: `fshunt ")


def test_the_list_is_newest_first_and_can_be_narrowed(fshunt, store):
    now = datetime.now(UTC)
    with store.writing() as session:
        for number, (pilot, domain) in enumerate([("5000", "pbx.test"), ("5001", "pbx.test"), ("5000", "b.test")]):
            started_at = now - timedelta(hours=number)
            open_call(session, f"h{number}", f"uuid-{number}", domain, pilot, started_at=started_at)

    def listed(*words: str) -> list[str]:
        return [call["uuid"] for call in fshunt.json("call", "list", *words)]

    assert listed() == ["uuid-0", "uuid-1"]
    assert listed("5001") == ["uuid-1"]
    assert listed("--limit", "1") == ["uuid-0"]
    assert listed("--since", "30m") == ["uuid-0"]
    assert listed("--since", (now - timedelta(minutes=90)).isoformat()) == ["uuid-0", "uuid-1"]
    assert listed("--domain", "b.test") == ["uuid-2"]
    del fshunt.env["FSHUNT_DEFAULT_DOMAIN"]
    assert listed() == ["uuid-0", "uuid-1", "uuid-2"]


def test_no_calls_of_a_group_that_is_there_is_no_error(fshunt):
    fshunt.run("group", "add", "5000")
    for words in (("5000",), ("--domain", "pbx.test"), ("5000", "--domain", "pbx.test")):
        assert fshunt.json("call", "list", *words) == []


def test_calls_of_a_group_that_was_removed_are_known_even_where_none_is_recent(hunted):
    for words in ((), ("--domain", "pbx.test"), ("5000",)):
        assert hunted.json("call", "list", *words, "--since", "1h") == []


def test_a_call_is_shown_in_order_of_time_with_reasons(hunted):
    page = hunted.run("call", "show", UUID).stdout
    head, steps, decision = page.split("\n\n")
    assert head.splitlines() == [
        f"Call {UUID} to 5000 Sales, pbx.test",
        "caller    Bob <+14155550100>",
        "started   2025-03-31 09:00:00",
        "answered  2025-03-31 09:00:21",
        "ended     2025-03-31 09:01:20",
        "result    answered by 1001",
    ]
    assert steps.splitlines() == [
        "09:00:00    +0.1 s  1002 skipped: is claimed by another hunt (claimed)",
        "09:00:00    +0.2 s  1003 rang on 2 phones: did not answer after 18.0 of 18 s (no-answer, NO_ANSWER)",
        "09:00:18   +18.3 s  1001 rang: answered after 3.5 of 20 s (answered)",
    ]
    assert "last answered  1001" in decision
    assert "order          1002, then 1003, then 1001" in decision


def test_a_call_in_json_has_its_steps_and_the_facts_to_decide_again(hunted):
    call = hunted.json("call", "show", UUID)
    [skip] = call["skips"]
    assert skip == {
        "cycle": 1,
        "stage": 1,
        "position": 2,
        "extension": "1002",
        "reason": "claimed",
        "detail": None,
        "at": "2025-03-31T09:00:00.100Z",
    }
    assert [(offer["extension"], offer["outcome"], offer["ring_seconds"]) for offer in call["offers"]] == [
        ("1003", "no-answer", 18.0),
        ("1001", "answered", 20.0),
    ]
    assert call["policy_input"] == FACTS.to_json()
    assert decide(PolicyInput.from_json(call["policy_input"])) == ((2,), (3,), (1,))
    assert call["earlier"] == []


@pytest.mark.parametrize("prefix", ["3f2a9c", "3f2a9c41-0000", UUID])
def test_the_beginning_of_a_uuid_is_enough(hunted, prefix):
    assert hunted.json("call", "show", prefix)["uuid"] == UUID


def test_a_beginning_of_two_uuids_is_refused_but_not_a_whole_one(hunted, store):
    with store.writing() as session:
        open_call(session, "h2", "3f2a9c41", started_at=at(5))
        open_call(session, "h3", "3f2a9c4x", started_at=at(6))
    assert hunted.refused(2, "call", "show", "3f2a9c").startswith(
        "More than one call's uuid begins with 3f2a9c: 3f2a9c41, "
    )
    assert hunted.json("call", "show", "3f2a9c41")["uuid"] == "3f2a9c41"


def test_what_a_pattern_would_match_is_no_beginning(hunted):
    assert "There is no record" in hunted.refused(1, "call", "show", "______")
    assert "There is no record" in hunted.refused(1, "call", "show", "%%%%%%")


def test_earlier_hunts_of_the_same_caller_are_shown_below(hunted, store):
    with store.writing() as session:
        open_call(session, "h2", started_at=at(100), pilot="5001", caller_name=None)
    page = hunted.run("call", "show", UUID).stdout
    assert page.startswith(f"Call {UUID} to 5001")
    assert "result   in progress" in page
    assert "No phone rang." in page
    assert "Earlier, at 2025-03-31 09:00:00, the same caller's call to 5000:" in page
    assert "1002 skipped" in page
    [earlier] = hunted.json("call", "show", UUID)["earlier"]
    assert len(earlier["offers"]) == 2


@pytest.mark.parametrize(
    ("result", "destination", "reason", "words"),
    [
        (Result.VOICEMAIL, "voicemail:1005", "nobody answered", "voicemail 1005"),
        (Result.TRANSFERRED, "transfer:5001", None, "transferred, transfer 5001"),
        (Result.REJECTED, "hangup:USER_BUSY", None, "rejected, hangup USER_BUSY"),
        (Result.ABANDONED, None, None, "caller hung up"),
        (Result.FAILED, None, "The database was away.", "failed: The database was away"),
        (Result.FAILED, None, None, "failed: no reason is recorded"),
    ],
)
def test_each_result_is_shown(fshunt, store, result, destination, reason, words):
    with store.writing() as session:
        open_call(session)
        calls.close_call(session, "h1", result=result, reason=reason, destination=destination, ended_at=at(30))
    page = fshunt.run("call", "show", UUID).stdout
    assert f"result   {words}\n" in page
    assert (f"reason   {reason}\n" in page) is bool(reason)


@pytest.mark.parametrize(
    ("reason", "detail", "words"),
    [
        (SkipReason.BLOCKED, None, "blocked by the member (blocked)"),
        (SkipReason.BLOCKED, AUTO_BLOCKED, "blocked, after too many unanswered calls (blocked)"),
        (SkipReason.ON_CALL, "since noon", "is on a call, since noon (on-call)"),
    ],
)
def test_each_skip_is_shown(fshunt, store, reason, detail, words):
    with store.writing() as session:
        open_call(session)
        place = {"call_id": "h1", "cycle": 1, "stage": 1, "position": 1, "extension": "1001"}
        calls.add_skip(session, "s1", **place, reason=reason, at=at(0.1), detail=detail)
    assert f"1001 skipped: {words}\n" in fshunt.run("call", "show", UUID).stdout


def test_every_outcome_and_result_has_words():
    assert set(OUTCOME_WORDS) == set(Outcome)
    assert set(RESULT_WORDS) == set(Result)


def test_an_end_that_nobody_saw_is_shown_as_unseen(fshunt, store):
    with store.writing() as session:
        open_call(session)
        calls.add_offer(
            session,
            "o1",
            call_id="h1",
            stage=1,
            cycle=1,
            position=1,
            extension="1001",
            phones=1,
            ring_seconds=18.0,
            started_at=at(1),
        )
    assert "1001 rings, for up to 18 s" in fshunt.run("call", "show", UUID).stdout
    with store.writing() as session:
        calls.close_unfinished(session, "h1", at(300))
    page = fshunt.run("call", "show", UUID).stdout
    assert "(no daemon saw the end)" in page
    assert "was ringing when the connection to FreeSWITCH was lost" in page


def test_facts_that_cannot_be_read_spoil_nothing_else(fshunt, store):
    with store.writing() as session:
        open_call(session, policy_input={"policy": "of a later version"})
    assert "this version cannot read it" in fshunt.run("call", "show", UUID).stdout


def test_a_hostile_name_cannot_act_on_the_terminal(fshunt, store):
    with store.writing() as session:
        open_call(session, caller_name="\x1b[2J\u202eBob\nresult  answered", caller_number="\x07")
    for words in (("call", "list"), ("call", "show", UUID)):
        page = fshunt.run(*words).stdout
        assert all(char.isprintable() or char == "\n" for char in page)
        assert "\nresult  answered" not in page
    assert fshunt.json("call", "list")[0]["caller_name"]


def test_the_calls_of_a_group_that_was_renumbered_are_listed_with_it(office, store):
    office.run("group", "add", "5700", "--name", "Support")
    with store.writing() as s:
        open_call(s, "early", uuid="early-call", pilot="5700")
    office.run("group", "renumber", "5700", "5800")
    assert "early-call" in office.run("call", "list", "5800", "--wide").stdout
    office.run("group", "add", "5700")
    assert "early-call" not in office.run("call", "list", "5700", "--wide").stdout
