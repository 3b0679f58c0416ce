"""`fshunt user` and `fshunt token`."""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from fshunt.db.engine import open_store
from fshunt.services import sign_in
from tests.support.accounts import PASSWORD, quick_hashes

__all__ = ["quick_hashes"]
pytestmark = pytest.mark.usefixtures("quick_hashes")

WEB = "https://pbx.example.com"


@pytest.fixture
def users(office):
    """An office with a provider, an admin of 5000, and a member."""
    office.env["FSHUNT_WEB_URL"] = WEB
    office.run("user", "add", "ana", "--role", "provider", given=f"{PASSWORD}\n")
    office.run("user", "add", "ben", "--role", "admin", "--no-password")
    office.run("user", "add", "eva", "--role", "member", "--member", "1003@pbx.test", "--no-password")
    office.run("user", "grant", "ben", "5000")
    return office


def check(fshunt, name, password):
    store = open_store(fshunt.env["FSHUNT_DATABASE_URL"])
    try:
        return sign_in.check_password(store, name, password, address=None).name
    finally:
        store.close()


def test_the_first_provider_is_added_with_a_password_from_standard_input(fshunt):
    said = fshunt.run("user", "add", "ana", "--role", "provider", given=f"{PASSWORD}\r\nmore\n")
    assert (said.stdout, said.stderr) == ("Added ana, provider.\n", "")
    assert check(fshunt, "ana", PASSWORD) == "ana"


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(fshunt):
    words = ["-m", "fshunt", "user", "add", "ana", "--role", "provider"]
    shown = at_terminal(fshunt, words, ["Password for ana: ", "Repeat for confirmation: "], [PASSWORD, "another one"])
    assert "do not match" in shown
    shown = at_terminal(fshunt, words, ["Password for ana: ", "Repeat for confirmation: "], [PASSWORD, PASSWORD])
    assert "Added ana, provider." in shown
    assert PASSWORD not in shown
    assert check(fshunt, "ana", PASSWORD) == "ana"


def at_terminal(fshunt, words, questions, answers):
    """Run a command at a terminal, answer its questions, end it by Ctrl-C at one more, and return what it showed."""
    terminal, theirs = pty.openpty()
    # Not pty.fork(): its child would run Python beside the threads of other tests, whose locks it may wait for.
    command = ["setsid", "--ctty", "--wait", sys.executable, *words]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | fshunt.env):
        os.close(theirs)
        shown = ""
        for question, answer in zip(questions, answers, strict=True):
            shown += read_to(terminal, question)
            os.write(terminal, f"{answer}\n".encode())
        shown += read_to(terminal, questions[0])
        os.write(terminal, b"\x03")
        shown += read_to(terminal, None)
        os.close(terminal)
    return shown


def read_to(terminal, words):
    """Read until the words have come, or the program has ended."""
    shown = ""
    while words is None or words not in shown:
        try:
            data = os.read(terminal, 1000)
        except OSError:  # what Linux says of a terminal that nobody has open any more
            break
        if not data:
            break
        shown += data.decode()
    return shown


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "Standard input has no password: give it in one line."),
        ("\n", "Standard input has no password: give it in one line."),
        ("short\n", "The password has 5 characters: use 12 or more, such as a few words."),
        ("password1234\n", "The password is one of the first that an attacker tries"),
        ("ana says hello there\n", "The password has the name of the user in it"),
    ],
)
def test_a_password_that_may_not_be_is_one_sentence_without_it(fshunt, given, sentence):
    result = fshunt.invoke("user", "add", "ana", "--role", "provider", given=given)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {sentence}")
    assert not given.strip() or given.strip() not in result.stderr
    assert fshunt.json("user", "list") == []


def test_no_option_takes_a_password(fshunt):
    for words in (("user", "add", "ana", "--role", "provider"), ("user", "passwd", "ana")):
        assert "has no option `--password`" in fshunt.refused(2, *words, "--password", PASSWORD)


REFUSED = [
    (
        2,
        "'providr' is not one of provider, admin, member (did you mean `provider`?)",
        ["add", "x", "--role", "providr"],
    ),
    (2, "--role", ["add", "x"]),
    (2, "'1003' is not EXT@DOMAIN", ["add", "x", "--role", "member", "--member", "1003"]),
    (2, "A member needs an extension: --member EXT@DOMAIN.", ["add", "x", "--role", "member"]),
    (
        1,
        "1003 of pbx.test is the extension of the user eva already.",
        ["add", "x", "--role", "member", "--member", "1003@pbx.test"],
    ),
    (1, "There is a user ana already: choose another name.", ["add", "Ana", "--role", "admin"]),
    (2, "'a b' is not the name of a user", ["add", "a b", "--role", "admin"]),
    (1, "There is no user 'anna': did you mean ana?", ["passwd", "anna"]),
    (1, "ana is the last provider who is enabled", ["remove", "ana", "--yes"]),
    (1, "ana is the last provider who is enabled", ["disable", "ana"]),
    (2, "eva is a member: only an admin is given groups", ["grant", "eva", "5000"]),
    (1, "There is no group 5999 in pbx.test", ["grant", "ben", "5999"]),
    (1, "There is no user 'nobody'", ["invite", "nobody"]),
    (2, "`fshunt user` has no command `invit` (did you mean `invite`?)", ["invit", "ben"]),
]


def test_what_cannot_be_is_one_sentence_before_a_password_is_asked_for(users):
    before = users.json("user", "list")
    sentences = users.all_refused(1, [("user", *words) for code, _, words in REFUSED if code == 1])
    sentences += users.all_refused(2, [("user", *words) for code, _, words in REFUSED if code == 2])
    expected = [part for code in (1, 2) for each, part, _ in REFUSED if each == code]
    for sentence, part in zip(sentences, expected, strict=True):
        assert part in sentence
    assert users.json("user", "list") == before


def test_users_are_listed_with_what_they_look_after(users):
    lines = [line.split("  ") for line in users.run("user", "list").stdout.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()][:4] for line in lines]
    assert cells == [
        ["name", "role", "looks after", "state"],
        ["ana", "provider", "all groups", "password"],
        ["ben", "admin", "5000", "no password yet"],
        ["eva", "member", "1003@pbx.test", "no password yet"],
    ]
    users.run("user", "revoke", "ben", "5000")
    users.run("user", "disable", "ben")
    [_, ben, _] = users.json("user", "list")
    assert (ben["disabled"], ben["groups"]) == (True, [])
    assert users.run("user", "list").stdout.splitlines()[2].split()[:6] == [
        "ben",
        "admin",
        "no",
        "group",
        "yet",
        "disabled",
    ]
    assert users.run("user", "remove", "ben", "--yes").stdout == "Removed ben.\n"


def test_before_the_first_user_the_list_says_how_to_add_one(fshunt):
    assert fshunt.run("user", "list").stdout == (
        "No users yet: `fshunt user add NAME --role provider` adds the first.\n"
    )
    assert fshunt.run("token", "list").stdout.startswith("No tokens yet: `fshunt ")


def test_a_new_password_holds_and_the_old_one_no_longer(users):
    users.run("user", "passwd", "ANA", given="another fine password\n")
    assert check(users, "ana", "another fine password") == "ana"
    with pytest.raises(sign_in.SignInFailed):
        check(users, "ana", PASSWORD)


def test_an_invitation_is_a_link_to_the_pages(users):
    link, until = users.run("user", "invite", "ben").stdout.splitlines()
    assert link.startswith(f"{WEB}/invitation/")
    assert until.startswith("For ben, once, until ")
    made = users.json("user", "invite", "ben")
    assert made["user"] == "ben"
    assert made["link"] != link
    users.env.pop("FSHUNT_WEB_URL")
    assert users.json("user", "invite", "ben")["link"].startswith("http://127.0.0.1:8090/invitation/")


def test_a_token_is_shown_once(users):
    secret, until = users.run("token", "add", "ana", "wall board", "--scope", "read").stdout.splitlines()
    assert secret.startswith("fsh_")
    assert until.endswith("It is not shown again.")
    made = users.json("token", "add", "ana", "crm", "--scope", "read", "--scope", "write", "--days", "7")
    expires = datetime.fromisoformat(made["expires_at"])
    assert abs(expires - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=5)
    assert (made["scopes"], made["user"]) == (["read", "write"], "ana")
    shown = users.run("token", "list").stdout + users.run("token", "list", "ana", "--json").stdout
    assert "wall board" in shown
    assert secret not in shown
    assert made["secret"] not in shown
    assert "no longer holds" in users.run("token", "revoke", str(made["id"]), "--yes").stdout
    assert "revoked" in users.run("token", "list").stdout


@pytest.mark.parametrize(
    ("code", "sentence", "words"),
    [
        (2, "'reed' is not one of read, write, users (did you mean `read`?)", ["add", "ana", "x", "--scope", "reed"]),
        (2, "--scope", ["add", "ana", "x"]),
        (2, "--days must be from 1 to 3650, not 0", ["add", "ana", "x", "--scope", "read", "--days", "0"]),
        (1, "There is no user 'nobody'", ["add", "nobody", "x", "--scope", "read"]),
        (1, "There is no token 99: `fshunt token list` lists them.", ["revoke", "99"]),
        (1, "There is no user 'nobody'", ["list", "nobody"]),
    ],
)
def test_a_token_that_cannot_be_is_one_sentence(users, code, sentence, words):
    assert sentence in users.refused(code, "token", *words)


def test_what_is_secret_is_in_no_output_but_the_one_that_makes_it(users):
    invitation = users.json("user", "invite", "ben")["link"].rpartition("/")[2]
    token = users.json("token", "add", "ana", "crm", "--scope", "write")["secret"]
    outputs = [("user", "list"), ("token", "list"), ("history",), ("status",), ("config", "check")]
    for words in outputs:
        for form in ((), ("--json",)):
            output = users.invoke(*words, *form).output
            for secret in (invitation, token, PASSWORD, "argon2"):
                assert secret not in output, (words, form)


def test_the_history_tells_of_accounts(users):
    users.run("user", "passwd", "ana", given="another fine password\n")
    told = [(each["subject"], each["action"], each["key"]) for each in users.json("history", "--limit", "5")]
    assert told == [
        ("user", "set", "ana"),
        ("grant", "add", "ben"),
        ("user", "add", "eva"),
        ("user", "add", "ben"),
        ("user", "add", "ana"),
    ]
    assert "is of a user" in users.refused(2, "undo", str(users.json("history", "--limit", "1")[0]["id"]))


def test_without_argon2_one_sentence_names_the_package_and_all_else_works(office, monkeypatch):
    monkeypatch.setitem(sys.modules, "argon2", None)
    result = office.invoke("user", "add", "ana", "--role", "provider", "--json", given=f"{PASSWORD}\n")
    assert result.exit_code == 1
    assert "install fshunt with `pip install '.[web]'`" in json.loads(result.stderr)["error"]["message"]
    office.run("user", "add", "ana", "--role", "provider", "--no-password")
    office.run("user", "list")


def test_one_time_codes_are_reset_with_the_password_alone(users):
    store = open_store(users.env["FSHUNT_DATABASE_URL"])
    with store.writing() as s:
        s.execute(text("UPDATE users SET totp_secret = 'A'"))
    store.close()
    assert users.run("user", "passwd", "ana", "--reset-totp", given="another fine password\n")
    totp = {each["name"]: each["has_totp"] for each in users.json("user", "list")}
    assert totp == {"ana": False, "ben": True, "eva": True}
