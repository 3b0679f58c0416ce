"""What cannot be brought back whole is asked for first."""

import pytest

LOSSES = "Group 5000 Sales of pbx.test goes with its settings, 3 members and 1 board; the records of its calls stay."

REMOVING = [
    (("group", "remove", "5000"), LOSSES),
    (("user", "remove", "ben"), "User ben (admin) goes with password, sessions, 1 token and 1 granted group; "),
    (("token", "revoke", "1"), "Token 1 of ben (crm) stops working, for good."),
    (("board", "revoke", "1"), "Board 1 of 5000 (Hall) goes, and its address never works again."),
    (("call", "prune", "--older-than", "2d"), "The records of all calls that began before "),
]


@pytest.fixture
def full(office):
    """The office with a user, a token and a board."""
    for name, role in (("ana", "provider"), ("ben", "admin")):
        office.run("user", "add", name, "--role", role, "--no-password")
    office.run("user", "grant", "ben", "5000")
    office.run("token", "add", "ben", "crm", "--scope", "read")
    office.run("board", "add", "5000", "Hall")
    return office


@pytest.fixture
def at_terminal(monkeypatch):
    monkeypatch.setattr("fshunt.cli.confirm.at_terminal", lambda: True)


def things(fshunt) -> list[object]:
    return [fshunt.json(noun, "list") for noun in ("group", "user", "token", "board")]


@pytest.mark.parametrize(("words", "losses"), REMOVING)
def test_without_a_terminal_and_without_yes_nothing_is_removed(full, words, losses):
    before = things(full)
    sentence = full.refused(2, *words)
    assert sentence.startswith(losses)
    assert sentence.endswith("Without a terminal nobody can be asked: add --yes to do it.")
    assert things(full) == before
    full.run(*words, "--yes")


@pytest.mark.parametrize(("words", "losses"), REMOVING)
def test_at_a_terminal_it_asks_and_only_yes_removes(full, at_terminal, words, losses):
    before = things(full)
    refused = full.invoke(*words, given="n\n")
    assert refused.exit_code == 1
    assert refused.stderr.startswith(losses)
    assert refused.stderr.endswith("Error: Nothing has changed: the answer was not yes.\n")
    assert full.invoke(*words, given="").exit_code == 130
    assert things(full) == before
    assert full.run(*words, given="y\n").stdout
    assert (things(full) == before) is (words[0] == "call")


def test_what_is_not_there_is_not_asked_for(full, at_terminal):
    assert "There is no token 9" in full.refused(1, "token", "revoke", "9")
    assert "There is no board 9" in full.refused(1, "board", "revoke", "9")
    assert "There is no user 'anna'" in full.refused(1, "user", "remove", "anna")


def test_yes_is_short_y(full):
    full.run("group", "remove", "5000", "-y")
    assert full.json("group", "list") == []
