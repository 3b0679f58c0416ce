"""API commands in the background: their outputs among events, in any order, in time or too late."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fshunt.esl import api, frames
from fshunt.esl.commands import UnsafeText
from fshunt.esl.session import SwitchLost
from tests.support.conversation import OK, WAIT_SECONDS, Switch, event, talking

ASKED = [api.user_param(user, "pbx.test", "dial-string") for user in ("1001", "1002")]
SHORT_SECONDS = 0.05  # for what must not come


def ended(job: str, argument: str, output: str) -> bytes:
    head = [("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", job), ("Job-Command", "user_data")]
    return frames.render_event([*head, ("Job-Command-Arg", argument)], output.encode())


def of(user: str) -> str:
    return f"{user}@pbx.test param dial-string"


def heard(switch: Switch, asked: Sequence[str]) -> str:
    """Hear the start of jobs, answer its commands, and return the Job-UUID."""
    assert switch.hear() == "event plain BACKGROUND_JOB"
    job = switch.hear().removeprefix("filter Job-UUID ")
    assert [switch.hear() for _ in asked] == [f"api bgapi uuid:{job} {words}" for words in asked]
    switch.say(OK, OK, *(frames.render_api_response(f"+OK Job-UUID: {job}\n") for _ in asked))
    return job


def test_outputs_come_in_any_order_among_events_which_are_kept() -> None:
    with talking() as (session, switch):
        jobs = session.start_jobs(ASKED)
        job = heard(switch, [f"user_data {of(user)}" for user in ("1001", "1002")])
        assert job == jobs.uuid
        switch.say(
            event("CHANNEL_PROGRESS"),
            ended(job, of("1002"), "error/user_busy"),
            event("CHANNEL_ANSWER"),
            ended(job, of("1001"), ""),
        )
        assert session.finish_jobs(jobs, WAIT_SECONDS) == ["", "error/user_busy"]
        assert switch.hear() == f"filter delete Job-UUID {job}"
        kept = [session.next_event(session.clock() + WAIT_SECONDS) for _ in range(2)]
        assert [each and each.get("Event-Name") for each in kept] == ["CHANNEL_PROGRESS", "CHANNEL_ANSWER"]


def test_what_is_sent_after_a_job_that_takes_long_is_answered_at_once() -> None:
    with talking() as (session, switch):
        jobs = session.start_jobs(ASKED[:1])
        job = heard(switch, [f"user_data {of('1001')}"])
        switch.say(frames.render_api_response("error/user_not_registered"))
        (reply,) = session.send_all([api.sofia_contact("1001", "pbx.test", "5f0c")], WAIT_SECONDS)
        assert reply.reply_text == "error/user_not_registered"
        assert session.finish_jobs(jobs, SHORT_SECONDS) == [None]
        switch.say(ended(job, of("1001"), "late"), event("CHANNEL_ANSWER"))
        kept = session.next_event(session.clock() + WAIT_SECONDS)
        assert kept is not None
        assert kept.get("Event-Name") == "CHANNEL_ANSWER", "the late output is nobody's"


def test_a_late_output_is_not_taken_for_that_of_the_same_question_asked_again() -> None:
    with talking() as (session, switch):
        before = session.start_jobs(ASKED[:1])
        assert session.finish_jobs(before, 0.0) == [None]
        again = session.start_jobs(ASKED[:1])
        switch.say(ended(before.uuid, of("1001"), "late"), ended(again.uuid, of("1001"), "in time"))
        assert session.finish_jobs(again, WAIT_SECONDS) == ["in time"]


def test_the_end_of_the_connection_ends_the_wait() -> None:
    with talking() as (session, switch):
        jobs = session.start_jobs(ASKED)
        switch.say_no_more()
        with pytest.raises(SwitchLost):
            session.finish_jobs(jobs, WAIT_SECONDS)


def test_only_one_line_is_run_in_the_background() -> None:
    with pytest.raises(UnsafeText):
        api.in_background("user_data 1001@pbx.test attr id\n\napi x", "5f0c")
    with pytest.raises(UnsafeText):
        api.in_background("user_data 1001@pbx.test attr id", "5f0c x")
