"""Groups, members, blocks, hours and users by the interface: what is saved, and what two who edit at once see."""

from __future__ import annotations

import pytest

from fshunt.freeswitch.dialplan_lookup import Answer as ByASwitch
from fshunt.hunting.addresses import parse_member
from fshunt.services import accounts, audit, groups, members
from fshunt.services.live import NOBODY_WATCHES
from fshunt.services.questions import NO_DAEMON, Questions
from fshunt.services.switch_checks import FOUND, Checked, QuestionKind
from tests.web.api.conftest import BLOCK, GROUP, HIDDEN
from tests.web.calls import Rang, add_call
from tests.web.people import ADMIN, PROVIDER

GROUPS = "/domains/pbx.test/groups"


def order(group):
    return [member["extension"] for member in group["members"]]


def test_a_group_is_added_changed_renumbered_and_removed(of_provider):
    made = of_provider.ask("POST", GROUPS, {"pilot": "5200", "name": "Support", "ring_seconds": 20})
    assert (made.status_code, made.headers["Location"]) == (201, f"/api/v1{GROUPS}/5200")
    assert made.json["group"]["ring_seconds"] == 20
    assert made.json["group"]["rings"] is None
    version = made.headers["ETag"]
    changed = of_provider.ask("PATCH", f"{GROUPS}/5200", {"pilot": "5300", "cycles": 3, "rings": 2}, If_Match=version)
    group = changed.json["group"]
    assert (group["pilot"], group["cycles"], group["rings"], group["ring_seconds"]) == ("5300", 3, 2, None)
    assert changed.headers["ETag"] != version
    assert of_provider.change("DELETE", f"{GROUPS}/5300").status_code == 204
    assert of_provider.get(f"{GROUPS}/5300").status_code == 404


def test_calls_stay_with_a_group_that_is_renumbered(of_provider, of_admin, office):
    add_call(office, "early", Rang("1001", 0, 18))
    assert of_provider.change("PATCH", GROUP, {"pilot": "5300"}).status_code == 200
    for program in (of_provider, of_admin):
        listed = program.get("/calls?domain=pbx.test&pilot=5300").json["calls"]
        assert [call["uuid"] for call in listed] == ["uuid-early"]
    assert [call["uuid"] for call in of_admin.get("/calls").json["calls"]] == ["uuid-early"]
    assert of_admin.get("/calls/uuid-early").status_code == 200
    assert of_provider.ask("POST", GROUPS, {"pilot": "5000", "rings": 3}).status_code == 201
    assert of_provider.get("/calls?pilot=5000").json["calls"] == []


def test_the_second_of_two_who_edit_at_once_loses_nothing(of_provider, of_admin):
    version = of_provider.get(GROUP).headers["ETag"]
    assert of_admin.ask("PATCH", GROUP, {"name": "Shop"}, If_Match=version).status_code == 200
    late = of_provider.ask("PATCH", GROUP, {"name": "Store"}, If_Match=version)
    assert (late.status_code, late.json["code"]) == (412, "changed-meanwhile")
    assert of_provider.get(GROUP).json["group"]["name"] == "Shop"


def test_a_change_says_which_version_it_is_meant_for(of_provider):
    for method, path, body in (
        ("PATCH", GROUP, {"name": "Shop"}),
        ("DELETE", GROUP, None),
        ("PATCH", f"{GROUP}/members/1001", {"weight": 2}),
        ("DELETE", f"{GROUP}/members/1001", None),
        ("PUT", f"{GROUP}/members/order", {"members": ["1002", "1001"]}),
        ("PUT", f"{GROUP}/hours", {"hours": [{"day": "mon", "opens": "08:00", "closes": "17:00"}]}),
    ):
        answer = of_provider.ask(method, path, body)
        assert (answer.status_code, answer.json["code"]) == (428, "if-match-missing"), (method, path)


def test_a_version_stays_while_calls_move_the_rotation_and_changes_with_the_order(of_provider, office):
    version = of_provider.get(GROUP).headers["ETag"]
    assert of_provider.get(GROUP).headers["ETag"] == version
    of_provider.change("PATCH", f"{GROUP}/members/1002", {"position": 1})
    assert of_provider.get(GROUP).headers["ETag"] != version


def test_members_are_added_at_a_position_moved_and_removed(of_admin):
    made = of_admin.ask("POST", f"{GROUP}/members", {"extension": "1003", "position": 1, "weight": 4})
    assert (made.status_code, made.headers["Location"]) == (201, f"/api/v1{GROUP}/members/1003")
    assert (made.json["member"]["position"], made.json["member"]["weight"]) == (1, 4)
    moved = of_admin.ask("PATCH", f"{GROUP}/members/1003", {"position": 3}, If_Match=made.headers["ETag"])
    assert moved.json["member"]["position"] == 3
    assert order(of_admin.get(GROUP).json["group"]) == ["1001", "1002", "1003"]
    assert of_admin.change("DELETE", f"{GROUP}/members/1001").status_code == 204
    assert order(of_admin.get(GROUP).json["group"]) == ["1002", "1003"]


def test_all_members_get_a_new_order_by_one_request(of_admin):
    seen = of_admin.get(GROUP).headers["ETag"]
    turned = of_admin.ask("PUT", f"{GROUP}/members/order", {"members": ["1002", "1001"]}, If_Match=seen)
    assert (turned.status_code, order(turned.json["group"])) == (200, ["1002", "1001"])
    assert turned.headers["ETag"] == of_admin.get(GROUP).headers["ETag"] != seen
    late = of_admin.ask("PUT", f"{GROUP}/members/order", {"members": ["1001", "1002"]}, If_Match=seen)
    assert (late.status_code, late.json["code"]) == (412, "changed-meanwhile")
    [change, *_] = of_admin.get("/changes").json["changes"]
    assert (change["before"], change["after"]) == ({"order": ["1001", "1002"]}, {"order": ["1002", "1001"]})
    assert of_admin.ask("POST", f"/changes/{change['id']}/undo").status_code == 200
    assert of_admin.get(GROUP).headers["ETag"] == seen


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (["1002"], "The order must name each member of 5000 once; missing: 1001."),
        (["1002", "1001", "1002"], "1002 is listed twice."),
        (["1002", "1001", "1009"], "1009 is not a member of 5000: did you mean 1001 or 1002?"),
        (["10,02", "1001"], "'10,02' is not an extension: up to 32 letters"),
        ([], "`members` must be a list of one or more extensions."),
        ("1002", "`members` must be a list of one or more extensions."),
        ([1002, 1001], "`members` must be a list of one or more extensions."),
    ],
)
def test_a_list_that_is_no_order_of_the_members_is_refused_beside_its_field(of_admin, members, sentence):
    seen = of_admin.get(GROUP).headers["ETag"]
    answer = of_admin.change("PUT", f"{GROUP}/members/order", {"members": members})
    [error] = answer.json["errors"]
    assert (answer.status_code, error["field"]) == (422, "members")
    assert error["detail"].startswith(sentence)
    assert of_admin.get(GROUP).headers["ETag"] == seen


def test_the_order_of_another_group_is_not_there(of_admin, of_member):
    body = {"members": ["1002", "1001"]}
    assert of_admin.change("PUT", f"{HIDDEN}/members/order", body).status_code == 404
    assert of_member.change("PUT", f"{GROUP}/members/order", body).status_code == 403


def test_what_cannot_be_is_refused_in_the_sentence_of_the_command_line(of_provider, office):
    with office.writing() as s:
        groups.add_group(s, "pbx.test", "5100")
    answers = [
        of_provider.ask("POST", GROUPS, {"pilot": "5000"}),
        of_provider.ask("POST", f"{GROUPS}/5100/members", {"extension": "1001"}),
        of_provider.ask("POST", f"{GROUP}/members", {"extension": "1001"}),
        of_provider.change("PATCH", f"{GROUP}/members/1001", {"position": 9}),
        of_provider.get(f"{GROUP}/members/1009"),
        of_provider.change("PATCH", GROUP, {"rings": 2, "ring_seconds": 10}),
        of_provider.change("PATCH", GROUP, {"rings": None}),
        of_provider.change("PATCH", GROUP, {"on_busy": "transfer:5000"}),
    ]
    assert [(each.status_code, each.json["detail"]) for each in answers] == [
        (409, "Group 5000 of pbx.test exists already: choose another number, or change that group."),
        (
            409,
            "1001 is already a member of 5000; remove it there first, or list the domain in `shared_members`.",
        ),
        (409, "1001 is already a member of 5000."),
        (422, "Position 9 does not exist: use 1 to 2."),
        (404, "1009 is not a member of 5000: did you mean 1001 or 1002?"),
        (422, "Use only one of `rings` and `ring_seconds`."),
        (422, "A group has a ring time: give `rings` or `ring_seconds`."),
        (422, "5000 cannot transfer to 5000: its callers would go round in circles."),
    ]


def test_of_a_change_that_fails_half_way_nothing_is_done(of_provider):
    answer = of_provider.change("PATCH", GROUP, {"name": "Shop", "pilot": "6000"})
    assert answer.status_code == 409
    assert of_provider.get(GROUP).json["group"]["name"] == "Sales"


def test_a_block_has_an_end_if_it_is_given_one(of_admin):
    answer = of_admin.ask("PUT", f"{BLOCK}/1001", {"until": "2099-01-01T13:00:00+01:00"})
    assert answer.json["block"]["blocked_until"] == "2099-01-01T12:00:00.000Z"
    assert of_admin.get(f"{BLOCK}/1001").json == answer.json
    past = of_admin.ask("PUT", f"{BLOCK}/1001", {"until": "2020-01-01T13:00:00Z"})
    assert (past.status_code, past.json["detail"]) == (422, "The time until which 1001 is blocked is past.")


IN_GROUP = f"{GROUP}/members/1001/block"


def test_a_block_of_one_group_alone(of_admin, office):
    with office.writing() as s:
        members.add_members(s, "pbx.test", "6000", [parse_member("1001")], shared=True)
    block = of_admin.ask("PUT", IN_GROUP, {"until": "2099-01-01T13:00:00+01:00"}).json["block"]
    assert (block["blocked"], block["blocked_until"], block["pilots"]) == (False, None, ["5000", "6000"])
    there = {"blocked": True, "blocked_in_group": True, "blocked_until": "2099-01-01T12:00:00.000Z"}
    assert block["groups"][0] == {"pilot": "5000", **there}
    assert of_admin.get(IN_GROUP).json["block"] == block
    member = of_admin.get(f"{GROUP}/members/1001").json["member"]
    assert {name: member[name] for name in there} == there
    [change] = of_admin.get("/changes?limit=1").json["changes"]
    assert (change["subject"], change["pilot"], change["before"]) == ("block", "5000", {"group 5000": None})
    undone = of_admin.ask("POST", f"/changes/{change['id']}/undo").json["change"]
    assert undone["undoes"] == change["id"]
    of_admin.ask("PUT", f"{BLOCK}/1001", {})
    block = of_admin.ask("DELETE", IN_GROUP).json["block"]
    assert [each["blocked_in_group"] for each in block["groups"]] == [False, True]
    assert block["blocked"] is False


def test_a_block_in_a_group_is_of_a_member_of_it_and_a_group_of_ones_own(of_admin, of_member, office):
    def refused(program, method, path):
        answer = program.ask(method, path, {} if method == "PUT" else None)
        return answer.status_code, answer.json["detail"]

    hidden = "There is no group 6000 in pbx.test."
    for method in ("GET", "PUT", "DELETE"):
        assert refused(of_admin, method, f"{HIDDEN}/members/1001/block") == (404, hidden)
        assert refused(of_member, method, f"{HIDDEN}/members/1001/block") == (404, hidden)
        status, sentence = refused(of_admin, method, f"{GROUP}/members/1009/block")
        assert (status, sentence.partition(":")[0]) == (404, "1009 is in no group of pbx.test.")
        assert refused(of_member, method, f"{GROUP}/members/1002/block")[0] == 404
    with office.writing() as s:
        groups.add_group(s, "pbx.test", "5900")
        members.add_members(s, "pbx.test", "5900", [parse_member("1001")], shared=True)
        accounts.grant(s, ADMIN, "pbx.test", "5900")
    for method in ("GET", "PUT", "DELETE"):
        status, sentence = refused(of_admin, method, "/domains/pbx.test/groups/5900/members/1002/block")
        assert (status, sentence.partition(":")[0].rstrip(".")) == (404, "1002 is not a member of 5900")
    assert of_member.ask("PUT", IN_GROUP, {}).json["block"]["groups"][0]["blocked_in_group"] is True
    assert of_member.ask("DELETE", IN_GROUP).json["block"]["groups"][0]["blocked"] is False


def test_an_administrator_neither_sees_nor_undoes_the_block_of_anothers_group(of_admin, of_provider, office):
    with office.writing() as s:
        members.add_members(s, "pbx.test", "6000", [parse_member("1001")], shared=True)
        members.block(s, "pbx.test", "1001", True, pilot="6000")
        [change] = audit.history(s, limit=1)
    assert change.id not in [each["id"] for each in of_admin.get("/changes").json["changes"]]
    assert of_admin.get(f"/changes/{change.id}").status_code == 404
    assert of_admin.ask("POST", f"/changes/{change.id}/undo").status_code == 404
    assert of_provider.ask("POST", f"/changes/{change.id}/undo").status_code == 200


def test_hours_holidays_and_closed_by_hand(of_admin):
    intervals = [
        {"day": "mon", "opens": "13:00", "closes": "17:00"},
        {"day": "mon", "opens": "08:00", "closes": "12:00"},
    ]
    opened = of_admin.change("PUT", f"{GROUP}/hours", {"hours": intervals, "time_zone": "Europe/Rome"})
    assert opened.json["group"]["hours"] == intervals[::-1]
    holiday = {"first_day": "2099-12-24", "last_day": "2099-12-26", "name": "Christmas"}
    added = of_admin.ask("POST", f"{GROUP}/holidays", holiday)
    assert added.json["group"]["holidays"] == [holiday | {"hours": "closed"}]
    gone = of_admin.ask("DELETE", f"{GROUP}/holidays/2099-12-24/2099-12-26")
    assert gone.json["group"]["holidays"] == []
    closed = of_admin.ask("PUT", f"{GROUP}/closed", {"until": "2099-01-01T00:00:00Z"})
    assert (closed.json["group"]["state"], closed.json["group"]["closed_by"]) == ("closed", "by hand")
    assert of_admin.ask("DELETE", f"{GROUP}/closed").json["group"]["closed_since"] is None
    assert of_admin.change("DELETE", f"{GROUP}/hours").json["group"]["hours"] == []


def test_next_says_where_a_caller_ends_and_what_is_not_known(of_admin):
    answer = of_admin.get(f"{GROUP}/next").json
    assert [stage["members"] for stage in answer["next"]["stages"]] == [["1001"], ["1002"]]
    assert answer["next"]["destination"] == "voicemail:1001"
    assert answer["warnings"] == [NOBODY_WATCHES]


def test_a_change_is_undone(of_admin):
    of_admin.change("PATCH", GROUP, {"name": "Shop"})
    [change, *_] = of_admin.get("/changes").json["changes"]
    undone = of_admin.ask("POST", f"/changes/{change['id']}/undo")
    assert (undone.status_code, undone.json["change"]["undoes"]) == (200, change["id"])
    assert of_admin.get(GROUP).json["group"]["name"] == "Sales"
    assert of_admin.ask("POST", f"/changes/{change['id']}/undo").status_code == 409


def test_users_are_looked_after_by_the_provider(of_provider):
    made = of_provider.ask("POST", "/users", {"name": "lea", "role": "admin"})
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/users/lea")
    given = of_provider.ask("PUT", "/users/lea/groups/pbx.test/5000")
    assert given.json["user"]["groups"] == ["5000@pbx.test"]
    assert of_provider.ask("DELETE", "/users/lea/groups/pbx.test/5000").json["user"]["groups"] == []
    changed = of_provider.ask("PATCH", "/users/lea", {"disabled": True, "time_zone": "Europe/Rome"})
    assert (changed.json["user"]["disabled"], changed.json["user"]["time_zone"]) == (True, "Europe/Rome")
    assert of_provider.ask("POST", "/users/lea/invitation").status_code == 409
    assert of_provider.ask("DELETE", "/users/lea").status_code == 204
    assert [each["name"] for each in of_provider.get("/users").json["users"]] == ["1001@pbx.test", PROVIDER, ADMIN]


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        (GROUPS, {"pilot": "5200"}, "group"),
        (f"{GROUP}/members", {"extension": "1003"}, "member"),
        ("/users", {"name": "lea", "role": "provider"}, "user"),
        ("/tokens", {"user": PROVIDER, "name": "board", "scopes": ["read"]}, "token"),
    ],
)
def test_a_request_that_is_sent_twice_makes_one_thing(of_provider, path, body, kind):
    answers = [of_provider.ask("POST", path, body, Idempotency_Key="key-1") for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    first, second = (each.json[kind] for each in answers)
    assert first | {"secret": None} == second | {"secret": None}
    assert answers[0].headers.get("Location") == answers[1].headers.get("Location")
    assert answers[0].headers.get("ETag") == answers[1].headers.get("ETag")
    assert second.get("secret") is None  # a secret is told once, and not stored
    assert of_provider.ask("POST", path, body).status_code == 409


def test_a_key_that_was_used_for_something_else_is_refused_and_one_of_a_failure_is_not_used_up(of_provider):
    wrong = of_provider.ask("POST", GROUPS, {"pilot": "5000"}, Idempotency_Key="a")
    right = of_provider.ask("POST", GROUPS, {"pilot": "5200"}, Idempotency_Key="a")
    other = of_provider.ask("POST", GROUPS, {"pilot": "5201"}, Idempotency_Key="a")
    assert [each.status_code for each in (wrong, right, other)] == [409, 201, 409]
    assert other.json["detail"].startswith("This `Idempotency-Key` was used for another request")
    assert of_provider.ask("POST", GROUPS, {"pilot": "5202"}, Idempotency_Key="x" * 256).status_code == 422


def test_lists_come_in_pages(of_provider):
    for pilot in ("5200", "5201", "5202"):
        of_provider.ask("POST", GROUPS, {"pilot": pilot})
    seen, path = [], "/groups?limit=2"
    while path is not None:
        answer = of_provider.get(path)
        seen.append([group["pilot"] for group in answer.json["groups"]])
        following = answer.json["next_page"]
        assert (following is None) == ("Link" not in answer.headers)
        path = None if following is None else following.removeprefix("/api/v1")
    assert seen == [["5000", "5200"], ["5201", "5202"], ["6000"]]
    assert [group["pilot"] for group in of_provider.get("/groups?search=hidden").json["groups"]] == ["6000"]
    changes = of_provider.get("/changes?limit=3").json
    rest = of_provider.get(changes["next_page"].removeprefix("/api/v1")).json
    assert changes["changes"][-1]["id"] == rest["changes"][0]["id"] + 1


@pytest.fixture
def switches(monkeypatch):
    """Switches that have the users 1001, 1002 and 1004 alone; what they were asked, in order."""
    asked = []

    def check(_questions, wanted):
        asked.extend((each.kind.value, each.arguments[0]) for each in wanted)
        missing = Checked(ByASwitch.NOT_FOUND, "no such user")
        known, kinds = {"1001", "1002", "1004"}, (QuestionKind.BOX, QuestionKind.USER)
        return [missing if each.kind in kinds and each.arguments[0] not in known else FOUND for each in wanted]

    monkeypatch.setattr(Questions, "check", check)
    return asked


def test_a_new_member_whom_no_switch_has_is_added_with_a_warning(of_provider, of_admin, switches):
    answer = of_provider.ask("POST", f"{GROUP}/members", {"extension": "1003"})
    assert (answer.status_code, answer.json["warnings"]) == (
        201,
        ["Extension 1003 of pbx.test: not found (no such user)."],
    )
    assert of_provider.ask("POST", f"{GROUP}/members", {"extension": "1004"}).json["warnings"] == []
    external = of_provider.ask("POST", f"{GROUP}/members", {"extension": "+14155550123@carrier"})
    assert external.json["warnings"] == []
    assert of_admin.ask("POST", f"{HIDDEN}/members", {"extension": "1005"}).status_code == 404
    assert switches == [("user", "1003"), ("user", "1004")]


NO_BOX = "Voicemail box 1009 of pbx.test: not found (no such user)."


def test_a_box_that_no_switch_has_is_refused_beside_its_field(of_admin, switches):
    version = of_admin.get(GROUP).headers["ETag"]
    wrong = {"voicemail": "1009", "on_busy": "voicemail:1009", "on_no_answer": "voicemail:1002", "name": "Shop"}
    answer = of_admin.change("PATCH", GROUP, wrong)
    assert (answer.status_code, answer.json["code"]) == (422, "bad-value")
    assert answer.json["errors"] == [{"field": name, "detail": NO_BOX} for name in ("voicemail", "on_busy")]
    assert of_admin.get(GROUP).headers["ETag"] == version, "nothing is saved"
    forced = of_admin.change("PATCH", f"{GROUP}?force=true", wrong)
    assert (forced.status_code, forced.json["warnings"]) == (200, [NO_BOX])
    assert of_admin.get(GROUP).json["group"]["voicemail"] == "1009"


def test_the_switches_are_asked_for_what_is_named_and_for_nothing_else(of_provider, of_admin, switches):
    assert of_admin.change("PATCH", GROUP, {"name": "Shop"}).status_code == 200
    assert of_admin.change("PATCH", HIDDEN, {"voicemail": "1009"}).status_code == 404
    assert of_admin.ask("PATCH", GROUP, {"voicemail": "1009"}, If_Match='"old"').status_code == 412
    assert switches == []
    assert of_admin.change("PATCH", GROUP, {"voicemail": "1002", "on_busy": "transfer:6000"}).json["warnings"] == []
    assert switches == [("box", "1002"), ("number", "6000")]
    refused = of_provider.ask("POST", GROUPS, {"pilot": "5200", "voicemail": "1009"})
    assert (refused.status_code, refused.json["detail"]) == (422, NO_BOX)
    assert of_provider.get(f"{GROUPS}/5200").status_code == 404


def test_where_nobody_can_be_asked_a_save_says_that_nothing_was_checked(of_admin):
    answer = of_admin.change("PATCH", GROUP, {"voicemail": "1009"})
    assert answer.status_code == 200
    assert answer.json["warnings"] == [f"Voicemail box 1009 of pbx.test: not checked ({NO_DAEMON})."]
