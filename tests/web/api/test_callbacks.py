"""Callers who asked to be called back, through the REST interface."""

from __future__ import annotations

from fshunt.db.engine import Store
from fshunt.services import audit
from fshunt.services.users import Scope
from tests.web.api.conftest import GROUP, HIDDEN, MakeProgram
from tests.web.people import ADMIN, DOMAIN, MEMBER, OTHER_PILOT
from tests.web.waiting import ask_back, is_served


def test_an_administrator_lists_and_removes_the_requests_of_a_group(program: MakeProgram, office: Store) -> None:
    second, first = ask_back(office, "1006", ticket=9), ask_back(office, "1005", ticket=7)
    ask_back(office, "1005", pilot=OTHER_PILOT, ticket=3)
    omar = program(ADMIN)
    listed = omar.get(f"{GROUP}/callbacks").json
    assert listed is not None
    assert [(each["id"], each["number"], each["state"]) for each in listed["callbacks"]] == [
        (first.id, "1005", "waiting"),
        (second.id, "1006", "waiting"),
    ]
    gone = omar.ask("DELETE", f"{GROUP}/callbacks/{first.id}")
    assert (gone.status_code, gone.json and gone.json["callback"]["number"]) == (200, "1005")
    assert omar.ask("DELETE", f"{GROUP}/callbacks/{first.id}").status_code == 404
    left = omar.get(f"{GROUP}/callbacks").json
    assert left is not None
    assert [each["id"] for each in left["callbacks"]] == [second.id]
    with office.reading() as s:
        [change] = audit.history(s, domain=DOMAIN, subject=audit.Subject.CALLBACK)
    assert (change.actor, change.entrance, change.key, change.before) == (
        ADMIN,
        "api",
        str(first.id),
        {"caller": "1005"},
    )


def test_who_is_being_called_is_not_removed(program: MakeProgram, office: Store) -> None:
    request = ask_back(office, "1005")
    is_served(office, request, calls_caller=True)
    omar = program(ADMIN)
    refused = omar.ask("DELETE", f"{GROUP}/callbacks/{request.id}")
    assert refused.status_code == 409
    assert refused.json is not None
    assert refused.json["detail"] == f"Callback {request.id} is in progress: 1005 is being called, or talks."


def test_the_requests_of_other_groups_are_not_there(program: MakeProgram, office: Store) -> None:
    hidden = ask_back(office, "1005", pilot=OTHER_PILOT)
    omar = program(ADMIN)
    assert omar.get(f"{HIDDEN}/callbacks").status_code == 404
    assert omar.ask("DELETE", f"{HIDDEN}/callbacks/{hidden.id}").status_code == 404
    assert omar.ask("DELETE", f"{GROUP}/callbacks/{hidden.id}").status_code == 404
    assert program(MEMBER).get(f"{GROUP}/callbacks").status_code == 403
    assert program(MEMBER).ask("DELETE", f"{GROUP}/callbacks/{hidden.id}").status_code == 403


def test_to_remove_takes_a_token_that_may_write(program: MakeProgram, office: Store) -> None:
    request = ask_back(office, "1005")
    reads = program(ADMIN, Scope.READ)
    assert reads.get(f"{GROUP}/callbacks").status_code == 200
    assert reads.ask("DELETE", f"{GROUP}/callbacks/{request.id}").status_code == 403
