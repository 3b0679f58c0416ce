"""`fshunt group next`: who would ring for the next caller."""

from __future__ import annotations

from datetime import UTC, datetime

from fshunt.db.queries import queue


def test_the_page_says_who_rings_and_who_is_skipped_and_where_the_caller_ends(office):
    office.run("member", "block", "1002")
    shown = office.run("group", "next", "5000").stdout
    assert shown.splitlines() == [
        "The next caller of 5000, if nobody picks up:",
        "     0 s  1001 rings for 18 s",
        "    18 s  1002 is skipped: blocked by the member",
        "    18 s  1003 rings for 18 s",
        "    36 s  voicemail 1003 (nobody answered)",
    ]


def test_a_disabled_group_rings_nobody(office):
    office.run("group", "disable", "5000")
    assert office.run("group", "next", "5000").stdout.splitlines()[1:] == [
        "     0 s  voicemail 1003 (nobody reachable)"
    ]


def test_together_and_drawn(office):
    office.run("group", "set", "5000", "--policy", "simultaneous")
    assert "     0 s  1001 and 1002 and 1003 ring for 18 s\n" in office.run("group", "next", "5000").stdout
    office.run("group", "set", "5000", "--policy", "weighted")
    office.run("member", "set", "5000", "1003", "--weight", "9")
    made = office.json("group", "next", "5000")
    assert (made["drawn"], made["stages"][0]["members"]) == (True, ["1003"])
    assert "The order is drawn by weight" in office.run("group", "next", "5000").stdout


def test_queued_callers_come_first(office, store):
    office.run("group", "set", "5000", "--when-busy", "queue")
    with store.writing() as s:
        who = {"domain": "pbx.test", "group_id": 1, "call_uuid": "u", "run_id": "run"}
        queue.join(s, "hunt", ["1001", "1002"], ticket=None, at=datetime.now(UTC), **who)
    assert "1 caller in the queue of the group is first." in office.run("group", "next", "5000").stdout
    assert office.json("group", "next", "5000")["queued"] == 1


def test_a_group_that_is_not_there(office):
    assert office.refused(1, "group", "next", "5999").startswith("There is no group 5999")
