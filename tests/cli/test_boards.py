"""`fshunt board`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Fshunt


@pytest.fixture
def office(fshunt: Fshunt) -> Fshunt:
    fshunt.run("group", "add", "5000", "--domain", "pbx.test")
    fshunt.env["FSHUNT_WEB_URL"] = "https://fshunt.example.com"
    return fshunt


def test_the_address_of_a_board_is_shown_once(office: Fshunt) -> None:
    link, until = office.run("board", "add", "5000", "Sales floor").stdout.splitlines()
    assert link.startswith("https://fshunt.example.com/board/")
    assert until == "Board 1 of 5000, until it is revoked. The address is not shown again."
    made = office.json("board", "add", "5000", "Hall", "--days", "7")
    assert made["link"].startswith("https://fshunt.example.com/board/")
    assert made["expires_at"] is not None
    shown = office.run("board", "list").stdout + office.run("board", "list", "5000", "--json").stdout
    assert "Sales floor" in shown
    assert "until" in shown
    assert link.rpartition("/")[2] not in shown
    assert office.json("board", "list", "5000")[0]["link"] is None
    assert "shows nothing any more" in office.run("board", "revoke", "1", "--yes").stdout
    assert [each["name"] for each in office.json("board", "list")] == ["Hall"]


def test_without_boards_the_list_says_so(office: Fshunt) -> None:
    assert office.run("board", "list").stdout.startswith("No boards yet: `fshunt ")


@pytest.mark.parametrize(
    ("code", "sentence", "words"),
    [
        (1, "There is no group 5001 in pbx.test", ["add", "5001", "Hall"]),
        (2, "--days must be from 1 to 3650, not 0", ["add", "5000", "Hall", "--days", "0"]),
        (2, "BOARD must be from 1 to 999999999, not hall", ["revoke", "hall"]),
        (2, "is not the name of a board", ["add", "5000", "a\tb"]),
        (1, "There is no board 99: `fshunt board list` lists them.", ["revoke", "99"]),
        (1, "There is no group 5999 in pbx.test", ["list", "5999"]),
        (2, "`fshunt board add` has no option `--name`", ["add", "5000", "--name", "x"]),
    ],
)
def test_a_board_that_cannot_be_is_one_sentence(office: Fshunt, code: int, sentence: str, words: list[str]) -> None:
    assert sentence in office.refused(code, "board", *words)
