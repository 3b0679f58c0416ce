"""A process without a connection to a switch asks through the database, and a daemon answers."""

from __future__ import annotations

from collections.abc import Sequence

import gevent
import pytest

from fshunt.db.queries import questions as stored
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.freeswitch.directory_list import DirectoryUser
from fshunt.services import questions
from fshunt.services.destination_checks import ask_for, box_place
from fshunt.services.questions import NO_ANSWER, NO_DAEMON, Questions
from fshunt.services.switch_checks import Checked, Question, QuestionKind
from fshunt.settings import Settings
from tests.support.clock import CLOCK
from tests.support.rig import DOMAIN, Rig

BOX = Question(QuestionKind.BOX, ("1005", DOMAIN, "default"))


def asking(rig: Rig) -> Questions:
    """Somebody who asks and lets the daemon run meanwhile; time passes as it is waited for."""
    return Questions(rig.store, gevent.sleep)


@pytest.fixture
def watched(watched_rig: Rig) -> Rig:
    """A rig whose daemon has said, by a heartbeat, that it watches a switch."""
    rig = watched_rig
    rig.daemon.heartbeat.hurry()
    rig.until(lambda: asking(rig)._why_not(1) is None, "the heartbeat names the switch")
    return rig


def rows(rig: Rig) -> Sequence[stored.Asked]:
    with rig.store.reading() as s:
        return stored.listed(s, 100)


def test_what_exists_is_found_and_what_does_not_is_not(watched: Rig) -> None:
    watched.switch.unknown_users.add("1009")
    found = asking(watched).check(
        [
            BOX,
            Question(QuestionKind.BOX, ("1009", DOMAIN, "default")),
            Question(QuestionKind.DOMAIN, ("other.test",)),
            Question(QuestionKind.USER, ("1001", DOMAIN)),
        ]
    )
    assert [each.answer for each in found] == [Answer.FOUND, Answer.NOT_FOUND, Answer.NOT_FOUND, Answer.FOUND]
    assert found[1].why == f"user 1009@{DOMAIN} is not in the directory"
    assert rows(watched) == [], "who has asked takes the question away"


def test_a_switch_may_have_those_users_alone_that_it_lists(watched: Rig) -> None:
    watched.switch.directory, watched.switch.only_listed = {"1001": "Ana"}, True
    found = asking(watched).check([Question(QuestionKind.USER, (each, DOMAIN)) for each in ("1001", "1002")])
    assert [each.answer for each in found] == [Answer.FOUND, Answer.NOT_FOUND]


def test_a_destination_is_asked_for_in_the_same_words_as_at_the_command_line(watched: Rig) -> None:
    watched.switch.unknown_users.add("1009")
    findings = ask_for([box_place("1009", DOMAIN, Settings())], asking(watched).check)
    sentence = f"Voicemail box 1009 of {DOMAIN}: not found (user 1009@{DOMAIN} is not in the directory)."
    assert findings.missing == (sentence,)


def test_the_directory_is_searched_by_number_and_name(watched: Rig) -> None:
    watched.switch.directory = {"1001": "Ana", "1002": "Ben", "2001": "Hanna"}
    assert asking(watched).directory(DOMAIN, "an").users == (
        DirectoryUser("1001", "Ana"),
        DirectoryUser("2001", "Hanna"),
    )
    assert asking(watched).directory(DOMAIN, "1").users[0] == DirectoryUser("1001", "Ana")
    watched.switch.directory = {}
    assert len(asking(watched).directory(DOMAIN, "").users) == 3, "the list counts for a minute"
    assert asking(watched).directory("other.test", "").users == ()


def test_no_more_users_than_a_page_shows(watched: Rig) -> None:
    watched.switch.directory = {f"1{number:03}": "" for number in range(questions.MAX_LISTED + 1)}
    found = asking(watched).directory(DOMAIN, "")
    assert (len(found.users), found.more) == (questions.MAX_LISTED, True)


def test_who_is_registered_in_a_domain(watched: Rig) -> None:
    watched.phones("1002", "1001")
    assert [user.number for user in asking(watched).registrations(DOMAIN).users] == ["1001", "1002"]
    assert asking(watched).registrations("other.test").users == ()


def test_a_switch_that_is_away_is_not_waited_for(watched: Rig) -> None:
    watched.switch.close_inbound()
    watched.until(lambda: not watched.daemon.deps.monitor.watched, "the switch is lost")
    (found,) = asking(watched).check([BOX])
    assert found.answer is Answer.UNKNOWN
    assert found.why.startswith("switch 127.0.0.1:")
    assert asking(watched).registrations(DOMAIN).unknown is not None
    assert asking(watched).directory(DOMAIN, "").unknown is not None


def test_what_is_not_on_the_list_is_refused(watched: Rig) -> None:
    with watched.store.writing() as s:
        ids = [
            stored.ask(s, kind, arguments, watched.daemon.deps.now())
            for kind, arguments in (
                ("reload", ["mod_sofia"]),
                ("user", ["1001 reload", DOMAIN]),
                ("directory", [DOMAIN]),
                ("registrations", []),
            )
        ]
    found: dict[int, dict[str, object]] = {}

    def answered() -> bool:
        with watched.store.reading() as s:
            found.update(stored.answers(s, ids))
        return len(found) == len(ids)

    watched.pass_time_until(answered, "all are answered")
    assert all(set(said) == {"error"} for said in found.values())


def test_what_nobody_takes_away_is_removed_after_a_while(watched: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fshunt.daemon.switches.answers.KEPT_SECONDS", 3.0)
    with watched.store.writing() as s:
        stored.ask(s, "domain", [DOMAIN], watched.daemon.deps.now())
    CLOCK.run_until(lambda: rows(watched) == [], "it is gone")


class NoTime:
    """A clock that runs as fast as somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wait(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> float:
        return self.seconds


def test_without_a_daemon_nothing_is_asked(rig: Rig) -> None:
    assert asking(rig).check([BOX]) == [Checked(Answer.UNKNOWN, NO_DAEMON)]
    assert asking(rig).directory(DOMAIN, "a").unknown == NO_DAEMON


def test_without_an_answer_it_cannot_be_checked(watched: Rig) -> None:
    time = NoTime()  # the daemon's greenlets do not run while the test does not wait
    assert Questions(watched.store, time.wait, time.now).check([BOX]) == [Checked(Answer.UNKNOWN, NO_ANSWER)]
    assert rows(watched) == []


def test_too_many_questions_are_not_asked(watched: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MAX_QUESTIONS", 1)
    assert [each.why for each in asking(watched).check([BOX, BOX])] == [questions.TOO_MANY] * 2


def test_names_of_users_are_told_and_those_who_are_not_there_left_out(watched: Rig) -> None:
    watched.switch.directory = {"1001": "Ana", "1002": "Ben"}
    [names] = asking(watched).names([(DOMAIN, ["1001", "7777"])])
    assert names.users == (DirectoryUser("1001", "Ana"),)
    assert names.unknown is None
