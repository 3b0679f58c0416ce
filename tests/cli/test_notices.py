"""`fshunt group notice` and `fshunt notice`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fshunt.db.engine import open_store
from fshunt.db.models import NoticeDelivery
from tests.cli.conftest import Fshunt


@pytest.fixture
def office(fshunt: Fshunt) -> Fshunt:
    fshunt.run("group", "add", "5000", "--domain", "pbx.test")
    return fshunt


def letter(office: Fshunt, **more: Any) -> None:
    """A message that waits for the notice 1."""
    store = open_store(office.env["FSHUNT_DATABASE_URL"])
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    row = {
        "id": "1-hunt-a",
        "notice_id": 1,
        "created_at": at,
        "due_at": at,
        "next_try_at": at,
        "tries": 1,
        "dead": False,
    }
    with store.writing() as s:
        s.add(NoticeDelivery(**(row | more)))
    store.close()


def test_a_notice_is_added_listed_and_removed(office: Fshunt) -> None:
    made = office.run("group", "notice", "add", "5000", "--mail", "a@b.test", "--on", "missed", "--after", "15")
    assert made.stdout == "Notice 1 of group 5000 of pbx.test to a@b.test: on missed; after 15 min.\n"
    assert made.stderr == "Warning: No mail is sent until the setting `smtp_host` names a mail server.\n"
    office.env["FSHUNT_SMTP_HOST"] = "mail.example.com"
    more = office.run(
        "group", "notice", "add", "5000", "--mail", "c@b.test", "--on", "answered,member-blocked", "--on", "missed"
    )
    assert more.stderr == ""
    shown = office.run("group", "notice", "list").stdout
    assert "answered, missed, member-blocked" in shown
    assert "never" in shown
    gone = office.run("group", "notice", "remove", "5000", "1").stdout
    assert gone == "Notice 1 of group 5000 of pbx.test is removed: a@b.test is told nothing more.\n"
    assert [each["target"] for each in office.json("group", "notice", "list", "5000")] == ["c@b.test"]


def test_the_secret_of_a_webhook_is_shown_once(office: Fshunt) -> None:
    words = ("group", "notice", "add", "5000", "--webhook", "https://example.com/a", "--on", "missed")
    made = office.json(*words)
    assert made["secret"].startswith("whsec_")
    assert office.json("group", "notice", "list")[0]["secret"] is None
    assert made["secret"] not in office.run("history", "--json").stdout


def test_without_notices_the_lists_say_so(office: Fshunt) -> None:
    assert office.run("group", "notice", "list").stdout.startswith("No notices yet: `fshunt group notice add PILOT`")
    assert "of group 5000 yet" in office.run("group", "notice", "list", "5000").stdout
    assert office.run("notice", "list").stdout == "Nothing waits to be sent.\n"


def test_a_dead_letter_is_sent_again_or_discarded(office: Fshunt) -> None:
    office.run("group", "notice", "add", "5000", "--mail", "a@b.test", "--on", "missed")
    letter(office, dead=True, last_error="no such user", tries=7)
    shown = office.run("notice", "list").stdout
    assert "dead letter" in shown
    assert "no such user" in shown
    assert office.json("notice", "list")[0]["next_try_at"] is None
    assert office.run("notice", "retry", "--all").stdout == "1 message to be sent again by a daemon.\n"
    again = office.json("notice", "list")[0]
    assert (again["dead"], again["tries"]) == (False, 0)
    assert again["next_try_at"] is not None
    assert office.run("notice", "retry", "--all").stdout == "0 messages to be sent again by a daemon.\n"
    assert office.run("notice", "discard", "1-hunt-a", "--yes").stdout == "1 message discarded.\n"
    assert office.json("notice", "list") == []


@pytest.mark.parametrize(
    ("code", "sentence", "words"),
    [
        (2, "Name who is told: --mail ADDR or --webhook URL.", ["add", "5000", "--on", "missed"]),
        (2, "Name an event with --on: answered, missed,", ["add", "5000", "--mail", "a@b.test"]),
        (2, "either to a mail address or to a webhook", ["--mail", "a@b.test", "--webhook", "https://c.test"]),
        (2, "'nobody' is not a mail address", ["--mail", "nobody"]),
        (2, "'c.test/x' is not the URL of a webhook", ["--webhook", "c.test/x"]),
        (2, "'mised' is not an event (did you mean `missed`?)", ["--mail", "a@b.test", "--on", "mised"]),
        (2, "not both", ["--mail", "a@b.test", "--after", "5", "--digest", "18:00"]),
        (2, "'25:00' is not a time of the day", ["--mail", "a@b.test", "--digest", "25:00"]),
        (2, "--after must be from 1 to 1440, not 0", ["--mail", "a@b.test", "--after", "0"]),
        (1, "There is no group 5001 in pbx.test", ["add", "5001", "--mail", "a@b.test", "--on", "missed"]),
        (1, "Group 5000 has no notice 7", ["remove", "5000", "7"]),
        (2, "NOTICE must be from 1 to 999999999, not a", ["remove", "5000", "a"]),
        (1, "There is no group 5001 in pbx.test", ["list", "5001"]),
    ],
)
def test_a_notice_that_cannot_be_is_one_sentence(office: Fshunt, code: int, sentence: str, words: list[str]) -> None:
    whole = words if words[0] in ("add", "list", "remove") else ["add", "5000", "--on", "missed", *words]
    assert sentence in office.refused(code, "group", "notice", *whole)
    assert office.json("group", "notice", "list") == []


@pytest.mark.parametrize(
    ("code", "sentence", "words"),
    [
        (2, "Name a MESSAGE of `fshunt notice list`, or use --all", ["retry"]),
        (2, "Name a MESSAGE of `fshunt notice list`, or use --all", ["retry", "1-hunt-a", "--all"]),
        (1, "No message '1-hunt-b' waits: `fshunt notice list` lists them.", ["retry", "1-hunt-b"]),
        (2, "1 message will never be sent. Without a terminal nobody can be asked", ["discard", "1-hunt-a"]),
    ],
)
def test_a_message_that_is_none_is_one_sentence(office: Fshunt, code: int, sentence: str, words: list[str]) -> None:
    office.run("group", "notice", "add", "5000", "--mail", "a@b.test", "--on", "missed")
    letter(office)
    assert sentence in office.refused(code, "notice", *words)
    assert len(office.json("notice", "list")) == 1
