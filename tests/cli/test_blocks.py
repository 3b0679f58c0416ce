"""`fshunt member block` and `unblock`: in all groups of a member, and in one alone."""

import re

import pytest


@pytest.fixture
def shared(office, database_url):
    """1001 is in two groups."""
    office.run("group", "add", "5100")
    office.env["FSHUNT_SHARED_MEMBERS"] = "pbx.test"
    office.run("member", "add", "5100", "1001")
    return office


def states(office):
    """Whether 1001 is blocked, and in this group alone, by pilot."""
    found = {}
    for pilot in ("5000", "5100"):
        [one] = [each for each in office.json("member", "list", pilot) if each["extension"] == "1001"]
        found[pilot] = (one["blocked"], one["blocked_in_group"])
    return found


def test_in_one_group_alone(shared):
    assert shared.run("member", "block", "1001", "--group", "5100").stdout.splitlines() == [
        "1001 is blocked in group 5100 of pbx.test:",
        "  group 5100: not blocked -> blocked in this group",
    ]
    assert states(shared) == {"5000": (False, False), "5100": (True, True)}
    again = shared.run("member", "block", "1001", "--group", "5100").stdout
    assert again == "Nothing has changed: 1001 is blocked in group 5100 of pbx.test already.\n"
    assert shared.run("member", "unblock", "1001", "--group", "5100").stdout.splitlines() == [
        "1001 is no longer blocked in group 5100 of pbx.test:",
        "  group 5100: blocked in this group -> not blocked",
    ]
    again = shared.run("member", "unblock", "1001", "--group", "5100").stdout
    assert again == "Nothing has changed: 1001 is not blocked in group 5100 of pbx.test.\n"


def test_back_in_one_group_of_all(shared):
    shared.run("member", "block", "1001", "--until", "2099-12-24 12:00")
    again = shared.run("member", "block", "1001", "--group", "5000").stdout
    assert again == ("Nothing has changed: 1001 is blocked in all groups of pbx.test until 2099-12-24 12:00 already.\n")
    assert shared.run("member", "unblock", "1001", "--group", "5000").stdout.splitlines() == [
        "1001 is no longer blocked in group 5000 of pbx.test:",
        "  group 5000: blocked in all groups until 2099-12-24 12:00 -> not blocked",
        "  group 5100: blocked in all groups until 2099-12-24 12:00 -> blocked in this group until 2099-12-24 12:00",
    ]
    assert states(shared) == {"5000": (False, False), "5100": (True, True)}
    assert "blocked in this group until 2099-12-24 12:00" in shared.run("member", "list", "5100").stdout
    assert shared.run("member", "unblock", "1001").stdout.splitlines() == [
        "1001 is no longer blocked in pbx.test:",
        "  group 5100: blocked in this group until 2099-12-24 12:00 -> not blocked",
    ]


def test_the_json_says_what_holds_in_each_group(shared):
    block = shared.json("member", "block", "1001", "--group", "5100", "--until", "2099-12-24")
    assert (block["blocked"], block["blocked_until"], block["pilots"]) == (False, None, ["5000", "5100"])
    [free, there] = block["groups"]
    assert free == {"pilot": "5000", "blocked": False, "blocked_in_group": False, "blocked_until": None}
    assert (there["pilot"], there["blocked"], there["blocked_in_group"]) == ("5100", True, True)
    assert there["blocked_until"].startswith("2099-12-2")
    block = shared.json("member", "block", "1001")
    assert block["blocked"]
    assert [each["blocked_in_group"] for each in block["groups"]] == [False, False]


def test_it_stands_in_the_history_of_the_group_and_is_undone(shared):
    shared.run("member", "block", "1001", "--group", "5100")
    line = shared.run("history", "5100", "--limit", "1").stdout
    assert re.search("block 1001 of 5100 added +group 5100 none -> blocked", " ".join(line.split()))
    assert "block" not in shared.run("history", "5000", "--limit", "1").stdout
    [change] = shared.json("history", "5100", "--limit", "1")
    assert (change["subject"], change["pilot"], change["before"]) == ("block", "5100", {"group 5100": None})
    shared.run("undo", str(change["id"]))
    assert states(shared) == {"5000": (False, False), "5100": (False, False)}


def test_the_next_caller_passes_over_who_is_blocked_in_this_group(shared):
    shared.run("member", "block", "1001", "--group", "5100")
    assert "1001 is skipped: blocked by the member in this group" in shared.run("group", "next", "5100").stdout
    assert "1001 is skipped" not in shared.run("group", "next", "5000").stdout


def test_a_group_that_the_member_is_not_in_is_refused(shared):
    assert shared.refused(1, "member", "block", "1002", "--group", "5100").startswith("1002 is not a member of 5100")
    assert shared.refused(1, "member", "unblock", "1002", "--group", "5100").startswith("1002 is not a member of 5100")
    assert shared.refused(1, "member", "block", "1001", "--group", "5009").startswith("There is no group 5009")
    shared.refused(2, "member", "block", "1001", "--group", "50 00")
    assert states(shared) == {"5000": (False, False), "5100": (False, False)}
