import pytest


def extensions(fshunt) -> list[str]:
    return [member["extension"] for member in fshunt.json("member", "list", "5000")]


def test_members_are_added_in_the_given_order_and_at_a_position(office):
    office.run("member", "add", "5000", "1004", "1005", "--at", "2")
    assert extensions(office) == ["1001", "1004", "1005", "1002", "1003"]
    assert [member["position"] for member in office.json("member", "list", "5000")] == [1, 2, 3, 4, 5]


def test_a_member_is_added_with_all_its_options(office):
    office.run("member", "add", "5000", "1009", "--ring-seconds", "25", "--weight", "7", "--confirm")
    assert office.json("member", "list", "5000")[-1] == {
        "position": 4,
        "extension": "1009",
        "rings": None,
        "ring_seconds": 25.0,
        "effective_ring_seconds": 25.0,
        "weight": 7,
        "confirm": True,
        "caller_id_number": None,
        "enabled": True,
        "blocked": False,
        "blocked_in_group": False,
        "auto_blocked": False,
        "blocked_until": None,
        "unanswered_in_a_row": 0,
        "idle_since": None,
        "state": "unknown",
        "state_since": None,
        "state_left": False,
        "state_detail": None,
        "other_end": None,
    }


@pytest.mark.parametrize(
    ("words", "confirm"),
    [((), {"1009": False, "+14155550123@carrier": True}), (("--no-confirm",), {}), (("--confirm",), None)],
)
def test_external_members_must_confirm_by_default(office, words, confirm):
    office.run("member", "add", "5000", "1009", "+14155550123@carrier", *words)
    found = {member["extension"]: member["confirm"] for member in office.json("member", "list", "5000")[3:]}
    expected = confirm or dict.fromkeys(found, "--confirm" in words)
    assert found == expected


def test_an_extension_may_begin_with_a_plus_and_is_no_external_number(office):
    result = office.run("member", "add", "5000", "+1001", "+1001@carrier", "+14155550123")
    assert extensions(office)[3:] == ["+1001", "+1001@carrier", "+14155550123"]
    assert [member["confirm"] for member in office.json("member", "list", "5000")[3:]] == [False, True, False]
    hint = "+14155550123 is taken for an extension; an external number has its gateway: +14155550123@GATEWAY."
    assert result.stderr == f"Warning: {hint}\n"
    office.run("member", "block", "+1001")
    blocked = {member["extension"]: member["blocked"] for member in office.json("member", "list", "5000")}
    assert (blocked["+1001"], blocked["+1001@carrier"], blocked["1001"]) == (True, False, False)
    office.run("member", "move", "5000", "+1001", "1")
    office.run("member", "remove", "5000", "+1001@carrier")
    assert extensions(office) == ["+1001", "1001", "1002", "1003", "+14155550123"]


def test_if_one_cannot_be_added_none_is(office):
    assert "1002 is already a member" in office.refused(1, "member", "add", "5000", "1008", "1002", "1009")


def test_a_member_is_in_one_group_unless_the_domain_shares(office):
    office.run("group", "add", "6000", "--voicemail", "1009")
    assert "already a member of 5000" in office.refused(1, "member", "add", "6000", "1001")
    office.env["FSHUNT_SHARED_MEMBERS"] = "other.test"
    office.refused(1, "member", "add", "6000", "1001")
    office.env["FSHUNT_SHARED_MEMBERS"] = "other.test,pbx.test"
    office.run("member", "add", "6000", "1001")


def test_the_ring_time_is_the_groups_until_the_member_has_its_own_and_after_it(office):
    line = office.run("member", "list", "5000").stdout.splitlines()[1]
    assert "3 rings (18 s), the group's" in line
    office.run("member", "set", "5000", "1001", "--rings", "5")
    assert "5 rings (30 s)" in office.run("member", "list", "5000").stdout.splitlines()[1]
    office.run("group", "set", "5000", "--rings", "2")
    assert [m["effective_ring_seconds"] for m in office.json("member", "list", "5000")] == [30.0, 12.0, 12.0]
    office.run("member", "set", "5000", "1001", "--group-ring")
    assert [m["effective_ring_seconds"] for m in office.json("member", "list", "5000")] == [12.0, 12.0, 12.0]


def test_omitted_options_of_a_member_keep_their_value(office):
    office.run("member", "set", "5000", "1002", "--weight", "9", "--confirm", "--rings", "4")
    before = office.json("member", "list", "5000")
    office.run("member", "set", "5000", "1002", "--weight", "0")
    before[1]["weight"] = 0
    assert office.json("member", "list", "5000") == before


def test_a_member_is_moved(office):
    shown = office.run("member", "move", "5000", "1003", "1").stdout
    assert shown.splitlines()[0] == "Moved 1003 to position 1; group 5000 of pbx.test is now:"
    assert extensions(office) == ["1003", "1001", "1002"]


def test_all_members_get_a_new_order(office):
    shown = office.run("member", "order", "5000", "1003", "1001", "1002").stdout
    assert shown.splitlines()[0] == "Changed the order; group 5000 of pbx.test is now:"
    assert extensions(office) == ["1003", "1001", "1002"]
    assert "group 5000 of pbx.test set" in office.run("history").stdout
    assert "order 1001 1002 1003 -> 1003 1001 1002" in office.run("history").stdout


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (("1003", "1001"), "The order must name each member of 5000 once; missing: 1002."),
        (("1003", "1001", "1003", "1002"), "1003 is listed twice."),
    ],
)
def test_an_order_that_is_none_is_refused(office, order, sentence):
    assert office.refused(2, "member", "order", "5000", *order) == sentence
    assert extensions(office) == ["1001", "1002", "1003"]


def test_a_member_is_removed_and_those_behind_move_up(office):
    office.run("member", "remove", "5000", "1001")
    assert [(m["position"], m["extension"]) for m in office.json("member", "list", "5000")] == [
        (1, "1002"),
        (2, "1003"),
    ]


def test_a_member_is_disabled_by_the_administrator_and_blocked_by_its_user(office):
    office.run("member", "disable", "5000", "1001")
    office.run("member", "block", "1001")
    office.run("member", "block", "1002")
    states = [line.split("no  ")[1].strip() for line in office.run("member", "list", "5000").stdout.splitlines()[1:]]
    assert [state.split("  ")[0].split(" since ")[0] for state in states] == [
        "disabled, blocked",
        "blocked",
        "enabled",
    ]
    office.run("member", "enable", "5000", "1001")
    office.run("member", "unblock", "1001")
    assert [(m["enabled"], m["blocked"]) for m in office.json("member", "list", "5000")] == [
        (True, False),
        (True, True),
        (True, False),
    ]


def test_an_external_member_is_blocked_by_number_and_gateway(office):
    office.run("member", "add", "5000", "+14155550123@carrier")
    office.run("member", "block", "+14155550123@carrier")
    assert office.json("member", "list", "5000")[-1]["blocked"] is True


def test_a_group_without_members_shows_how_to_add_one(fshunt):
    fshunt.run("group", "add", "5000")
    assert (
        fshunt.run("member", "list", "5000").stdout
        == "Group 5000 has no members: `fshunt member add 5000 EXT` adds the first.\n"
    )
    assert fshunt.json("member", "list", "5000") == []


def test_the_numbers_that_external_legs_show_are_on_the_groups_page(office):
    office.run("member", "add", "5000", "+14155550123@carrier", "--caller-id-number", "4930200")
    office.run("group", "set", "5000", "--caller-id-number", "4930100")
    page = office.run("group", "show", "5000").stdout
    assert "4930100 on external legs" in page
    assert "+14155550123@carrier, shows 4930200" in page
    office.run("group", "set", "5000", "--caller-id-number", "none")
    assert "4930100" not in office.run("group", "show", "5000").stdout
    office.run("member", "set", "5000", "+14155550123@carrier", "--caller-id-number", "none")
    assert "4930200" not in office.run("group", "show", "5000").stdout
    refusal = office.refused(2, "member", "set", "5000", "1001", "--caller-id-number", "4930200")
    assert "1001 is an extension, whose phone shows the caller" in refusal
