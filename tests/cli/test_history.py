"""`fshunt history` and `fshunt undo`."""

import os
import pwd

import pytest

from fshunt.db.engine import open_store
from fshunt.services import audit, groups
from fshunt.services.audit import Actor, Entrance


@pytest.fixture
def changed(office):
    """An office whose group has another name and whose 1003 is first and blocked."""
    office.run("group", "set", "5000", "--name", "Shop")
    office.run("member", "move", "5000", "1003", "1")
    office.run("member", "block", "1003")
    return office


def test_the_history_says_who_did_what_the_newest_first(changed):
    heads, *rows = [line.split("  ") for line in changed.run("history").stdout.splitlines()]
    me = f"{pwd.getpwuid(os.getuid()).pw_name} (command line)"
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert [cell.strip() for cell in heads if cell.strip()] == ["change", "when", "who", "what", "values"]
    assert {row[2] for row in cells} == {me}
    assert [row[3:] for row in cells] == [
        ["block 1003 of pbx.test added"],
        ["member 1003 of 5000 moved", "position 3 -> 1"],
        ["group 5000 of pbx.test set", "name Sales -> Shop"],
        ["member 1003 of 5000 added", "position 3"],
        ["member 1002 of 5000 added", "position 2"],
        ["member 1001 of 5000 added", "position 1"],
        ["group 5000 of pbx.test added", "name Sales"],
    ]


def test_behind_sudo_the_caller_acts(office, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ada")
    office.run("group", "disable", "5000")
    [change] = office.json("history", "5000", "--limit", "1")
    assert (change["actor"], change["entrance"], change["address"]) == ("ada", "command-line", None)
    assert (change["before"], change["after"]) == ({"enabled": True}, {"enabled": False})


def test_the_address_of_a_page_is_shown_and_a_daemon_has_none(office):
    store = open_store(office.env["FSHUNT_DATABASE_URL"])
    for actor in (Actor("ana", Entrance.PAGE, "192.0.2.7"), None):
        with store.writing() as s:
            if actor:
                audit.acting(s, actor)
            groups.set_group(s, "pbx.test", "5000", name=actor.name if actor else "none")
    store.close()
    lines = office.run("history", "--limit", "2").stdout.splitlines()
    assert "  fshunt  " in lines[1]
    assert "  ana (page, 192.0.2.7)  " in lines[2]


def test_the_history_of_one_group_has_no_other_groups(changed):
    changed.run("group", "add", "5001")
    assert [each["key"] for each in changed.json("history", "5001")] == ["5001"]
    assert "5001" not in {each["key"] for each in changed.json("history", "5000")}
    changed.run("group", "add", "5000", "--domain", "other.test")
    assert [each["domain"] for each in changed.json("history", "--domain", "other.test")] == ["other.test"]


def test_a_group_that_never_was_is_an_error_and_one_that_is_gone_is_not(office):
    assert "There is no group 5999 in pbx.test" in office.refused(1, "history", "5999")
    office.run("group", "add", "5001")
    office.run("group", "remove", "5000", "--yes")
    assert office.json("history", "5000", "--limit", "1")[0]["action"] == "remove"


def test_before_the_first_change_there_is_none(fshunt):
    assert fshunt.run("history").stdout.startswith("No changes yet: `fshunt ")
    assert fshunt.json("history") == []


def test_a_change_is_undone_by_its_number(changed):
    [blocked, moved, *_] = [each["id"] for each in changed.json("history")]
    said = changed.run("undo", str(moved)).stdout
    undoing = changed.json("history", "--limit", "1")[0]["id"]
    assert said == (f"Change {moved} is undone by change {undoing}: member 1003 of 5000 moved: position 1 -> 3.\n")
    order = [each["extension"] for each in changed.json("group", "show", "5000")["members"]]
    assert order == ["1001", "1002", "1003"]
    assert changed.json("undo", str(blocked))["undoes"] == blocked
    assert f"(undoes {blocked})" in changed.run("history", "--limit", "1").stdout
    assert "(undone by" in changed.run("history").stdout


def test_what_cannot_be_undone_is_one_sentence(changed):
    set_id = next(each["id"] for each in changed.json("history") if each["action"] == "set")
    changed.run("group", "set", "5000", "--name", "Store")
    assert changed.refused(1, "undo", str(set_id)) == (
        f"Somebody has changed group 5000 since change {set_id}: `name` was set to 'Shop' and is 'Store' now."
    )
    assert "There is no change 4711" in changed.refused(1, "undo", "4711")
    for wrong in ("0", "-1", "one", "9999999999"):
        changed.refused(2, "undo", "--", wrong)


def test_values_are_shown_as_people_read_them(office):
    office.run("group", "set", "5000", "--ring-seconds", "25")
    assert "ring seconds none -> 25" in office.run("history", "--limit", "1").stdout
    office.run("member", "block", "1003", "--until", "2099-12-24 12:00")
    assert "until 2099-12-24 12:00:00" in office.run("history", "--limit", "1").stdout
    office.run("group", "remove", "5000", "--yes")
    assert "members 1001 1002 1003" in office.run("history", "--limit", "1").stdout
    assert office.json("history", "--limit", "1")[0]["before"]["members"][0]["extension"] == "1001"
