"""Who may do what by a token: the answers 401, 403 and 404, and that no cookie counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fshunt.hunting.addresses import parse_member
from fshunt.services import accounts, audit, members
from fshunt.services.users import Scope
from fshunt.web.api.errors import RateExceeded
from fshunt.web.api.rate_limit import RateLimit
from tests.web.api.conftest import BLOCK, GROUP, HIDDEN, Program
from tests.web.people import ADMIN, MEMBER, PROVIDER


def test_without_a_token_nothing_is_answered_and_the_answer_says_how_to_send_one(app, office):
    answer = Program(app).get("/groups")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == "not-authenticated"
    assert "Authorization: Bearer" in answer.json["detail"]


def test_a_token_that_does_not_hold_any_more_is_answered_as_one_that_never_was(app, office, program):
    used = program(PROVIDER)
    assert used.get("/groups").status_code == 200
    with office.writing() as s:
        accounts.revoke_token(s, accounts.list_tokens(s)[0].id)
        _, expired = accounts.add_token(
            s,
            PROVIDER,
            "old",
            [Scope.READ],
            expires_at=datetime(2026, 1, 2, tzinfo=UTC),
            now=datetime(2026, 1, 1, tzinfo=UTC),
        )
    answers = [each.get("/groups") for each in (used, Program(app, expired), Program(app, "fsh_unknown"))]
    assert [each.status_code for each in answers] == [401, 401, 401]
    assert len({each.data for each in answers}) == 1
    assert answers[0].headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_session_of_a_browser_is_no_token(app, provider):
    answer = provider.client.get("/api/v1/groups", base_url="https://localhost")
    assert answer.status_code == 401


def test_a_token_does_no_more_than_its_scopes(program):
    reads = program(PROVIDER, Scope.READ)
    answer = reads.change("PATCH", GROUP, {"name": "Shop"})
    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="write"'
    assert answer.json["detail"] == "This needs a token with the scope `write`."
    assert reads.get(GROUP).json["group"]["name"] == "Sales"


def test_an_administrator_sees_the_groups_given_alone_and_others_are_not_there(of_admin):
    listed = of_admin.get("/groups").json["groups"]
    assert [each["pilot"] for each in listed] == ["5000"]
    hidden, missing = of_admin.get(HIDDEN), of_admin.get("/domains/pbx.test/groups/7777")
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json["detail"].replace("6000", "N") == missing.json["detail"].replace("7777", "N")
    for method, path, body in (
        ("PATCH", HIDDEN, {"name": "Mine"}),
        ("POST", f"{HIDDEN}/members", {"extension": "1001"}),
        ("PATCH", f"{HIDDEN}/members/2001", {"weight": 2}),
        ("DELETE", f"{HIDDEN}/members/2001", None),
        ("PUT", f"{HIDDEN}/closed", {}),
        ("PUT", f"{BLOCK}/2001", {}),
    ):
        assert of_admin.change(method, path, body).status_code == 404, (method, path)


def test_an_administrator_neither_adds_nor_removes_groups_and_sees_no_users(of_admin):
    refused = [
        of_admin.ask("POST", "/domains/pbx.test/groups", {"pilot": "5300"}),
        of_admin.change("DELETE", GROUP),
        of_admin.get("/users"),
        of_admin.get("/status"),
    ]
    assert [each.status_code for each in refused] == [403] * 4
    assert "WWW-Authenticate" not in refused[0].headers  # no other scope would help


def test_a_field_that_a_role_may_not_change_is_left_out_and_the_answer_says_so(of_admin):
    answer = of_admin.change("PATCH", GROUP, {"name": "Shop", "transfer_context": "internal", "pilot": "5999"})
    assert answer.status_code == 200
    group = answer.json["group"]
    assert (group["name"], group["transfer_context"], group["pilot"]) == ("Shop", None, "5000")
    assert answer.json["warnings"][:2] == [
        "`transfer_context` is not for your role (admin) to set: it was left out.",
        "`pilot` is not for your role (admin) to set: it was left out.",
    ]


def test_a_member_blocks_oneself_and_nobody_else(of_member):
    assert of_member.ask("PUT", f"{BLOCK}/1001", {}).json["block"]["blocked"] is True
    assert of_member.get(f"{BLOCK}/1001").json["block"]["pilots"] == ["5000"]
    assert of_member.ask("DELETE", f"{BLOCK}/1001").json["block"]["blocked"] is False
    assert of_member.ask("PUT", f"{BLOCK}/1002", {}).status_code == 404
    assert of_member.get("/groups").status_code == 403
    assert [each["key"] for each in of_member.get("/changes").json["changes"]] == ["1001", "1001"]


def test_a_token_makes_no_token_that_may_do_more(program):
    answer = program(ADMIN, Scope.USERS).ask("POST", "/tokens", {"user": ADMIN, "name": "more", "scopes": ["write"]})
    assert answer.status_code == 403


def test_a_user_makes_tokens_for_oneself_alone(of_admin):
    others = of_admin.ask("POST", "/tokens", {"user": PROVIDER, "name": "theirs", "scopes": ["read"]})
    own = of_admin.ask("POST", "/tokens", {"user": ADMIN, "name": "mine", "scopes": ["read"]})
    assert (others.status_code, own.status_code) == (404, 201)
    assert {each["user"] for each in of_admin.get("/tokens").json["tokens"]} == {ADMIN}


def test_an_administrator_invites_a_member_of_a_group(of_admin):
    answer = of_admin.ask("POST", f"{GROUP}/members/1002/invitation")
    assert answer.status_code == 201
    assert answer.json["invitation"]["user"] == "1002@pbx.test"
    link = answer.json["invitation"]["link"]
    assert link.startswith("http://localhost/invitation/"), "the address at which the program has the interface"


def test_an_administrator_invites_nobody_whom_others_look_after_too(of_admin, office):
    with office.writing() as s:
        members.add_members(s, "pbx.test", "6000", [parse_member("1002")], shared=True)
    answer = of_admin.ask("POST", f"{GROUP}/members/1002/invitation")
    assert answer.status_code == 403
    assert "only a provider" in answer.json["detail"]


def test_a_change_stands_in_the_audit_as_the_users_by_the_interface(of_admin, office):
    of_admin.change("PATCH", GROUP, {"name": "Shop"})
    with office.reading() as s:
        [newest] = audit.history(s, limit=1)
    assert (newest.actor, newest.entrance, newest.address) == (ADMIN, "api", "127.0.0.1")
    assert newest.after == {"name": "Shop"}


def test_who_a_token_belongs_to_can_be_asked(of_member):
    assert of_member.get("/me").json["user"]["name"] == MEMBER


def test_a_token_that_is_used_too_often_has_to_wait_and_another_has_not():
    now = 0.0
    limit = RateLimit(2, clock=lambda: now)
    assert [limit.count(1).requests, limit.count(1).requests] == [1, 0]
    with pytest.raises(RateExceeded, match="send the next in 60 s"):
        limit.count(1)
    assert limit.count(2).requests == 1
    now = 60.0
    assert limit.count(1).requests == 1


def test_each_answer_says_what_is_left_of_the_rate(make, sqlite_url, office):
    app = make(sqlite_url)
    app.extensions["fshunt-rate-limit"] = RateLimit(1)
    with office.writing() as s:
        _, secret = accounts.add_token(s, PROVIDER, "slow", [Scope.READ], expires_at=datetime.now(UTC) + timedelta(1))
    first, second = Program(app, secret).get("/groups"), Program(app, secret).get("/groups")
    assert first.headers["RateLimit-Policy"] == '"token";q=1;w=60'
    assert first.headers["RateLimit"] == '"token";r=0;t=60'
    assert second.status_code == 429
    assert 1 <= int(second.headers["Retry-After"]) <= 60
    assert second.json["code"] == "rate-exceeded"
