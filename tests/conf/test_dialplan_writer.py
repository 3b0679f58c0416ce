import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from fshunt.errors import BadValue
from fshunt.freeswitch.dialplan import (
    DOMAIN_FIELD,
    FURTHER_ROUND,
    FURTHER_ROUNDS,
    GATE,
    write_dialplan,
    write_table_dialplan,
)
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group, Member
from fshunt.settings import Settings

CONTROLLERS = ("10.0.0.1:8084", "10.0.0.2:8084")


def group(pilot: str = "5000", domain: str = "pbx.test", box: str | None = None, *members: str) -> Group:
    listed = tuple(Member(n, n, parse_member(text)) for n, text in enumerate(members, 1))
    return Group(id=1, domain=domain, pilot=pilot, voicemail=box, members=listed)


def written(*groups: Group, fallback_box: str | None = None) -> ElementTree.Element:
    text = write_dialplan(
        groups, controllers=CONTROLLERS, voicemail_profile="default", codes=Settings().codes, fallback_box=fallback_box
    )
    return ElementTree.fromstring(text)


def actions(root: ElementTree.Element, name: str) -> list[tuple[str, str]]:
    found = root.findall(f"extension[@name='{name}']/condition/action")
    return [(a.get("application", ""), a.get("data", "")) for a in found]


def last_actions(root: ElementTree.Element) -> list[tuple[str, str]]:
    return actions(root, "fshunt-pbx.test-5000")[-3:]


def number_matches(root: ElementTree.Element, name: str, number: str) -> bool:
    condition = root.find(f"extension[@name='{name}']/condition[@field='destination_number']")
    assert condition is not None
    return re.search(condition.get("expression", "").replace(r"\z", r"\Z"), number) is not None


def test_the_fallback_is_the_groups_own_box():
    assert ("voicemail", "default pbx.test 1009") in last_actions(written(group("5000", "pbx.test", "1009", "1001")))


def test_without_an_own_box_the_fallback_is_the_last_member_in_sequence():
    root = written(group("5000", "pbx.test", None, "1001", "1002", "+14155550123@carrier"))
    assert last_actions(root) == [
        ("answer", ""),
        ("voicemail", "default pbx.test 1002"),
        ("hangup", "NORMAL_CLEARING"),
    ]


def test_a_group_without_any_box_falls_back_on_the_box_of_the_setting():
    assert ("voicemail", "default pbx.test 1020") in last_actions(written(group(), fallback_box="1020"))


def test_a_group_without_any_box_at_all_is_hung_up_and_the_file_says_so():
    text = write_dialplan(
        [group()], controllers=CONTROLLERS, voicemail_profile="default", codes=Settings().codes, fallback_box=None
    )
    assert last_actions(ElementTree.fromstring(text))[-1] == ("hangup", "NO_ANSWER")
    assert "voicemail " not in text.replace("no voicemail box", "")
    assert "This pilot has no voicemail box" in text


@pytest.mark.parametrize("pilot", ["5--1", "5-", "*5---"])
def test_a_pilot_with_hyphens_does_not_spoil_the_file(pilot):
    """Two hyphens end a comment of XML, whatever they belong to."""
    text = write_dialplan(
        [replace(group(), pilot=pilot)],
        controllers=CONTROLLERS,
        voicemail_profile="default",
        codes=Settings().codes,
        fallback_box=None,
    )
    names = [each.get("name") for each in ElementTree.fromstring(text)]
    assert names == [f"fshunt-pbx.test-{pilot}", "fshunt-features"]


def test_both_controllers_stand_in_one_socket_action_and_there_are_two_of_these():
    sockets = [
        data for application, data in actions(written(group()), "fshunt-pbx.test-5000") if application == "socket"
    ]
    assert sockets == ["10.0.0.1:8084|10.0.0.2:8084 async full"] * 2


def test_further_rounds_are_for_whom_a_daemon_had_served_and_come_to_an_end():
    all_of_it = actions(written(group()), "fshunt-pbx.test-5000")
    assert all_of_it.count(FURTHER_ROUND) == FURTHER_ROUNDS
    last_socket = max(n for n, (application, _) in enumerate(all_of_it) if application == "socket")
    first_round = all_of_it.index(FURTHER_ROUND)
    assert all_of_it[last_socket + 1 : first_round] == [GATE]
    assert all_of_it[first_round:-1] == [FURTHER_ROUND, GATE] * FURTHER_ROUNDS, "an answered call gets no further round"
    values = dict(data.partition("=")[::2] for application, data in all_of_it[:last_socket] if application == "set")
    assert values["fshunt_served"] == "false"
    assert values["fshunt_round_false"] == "eval"
    assert values["fshunt_round_true"].split(",") == [
        "set:fshunt_served=false",
        "set:socket_resume=true",
        "socket:10.0.0.1:8084|10.0.0.2:8084 async full",
    ]


def test_the_number_is_matched_whole_and_as_it_is():
    root = written(group("*50.0"))
    assert number_matches(root, "fshunt-pbx.test-*50.0", "*50.0")
    for other in ("*5010", "150.0", "*50.01", "*50.0\n", "50.0"):
        assert not number_matches(root, "fshunt-pbx.test-*50.0", other)


def test_with_one_domain_the_dialplan_sets_the_domain_of_each_call():
    root = written(group("5000"), group("5001"))
    assert DOMAIN_FIELD not in [c.get("field") for c in root.iter("condition")]
    assert actions(root, "fshunt-pbx.test-5001")[0] == ("set", "fshunt_domain=pbx.test")


@pytest.mark.parametrize(
    ("said", "matches"),
    [
        ("a.test||", True),
        ("a.test|b.test|b.test", True),
        ("|a.test|b.test", True),
        ("||A.TEST", True),
        ("b.test|a.test|a.test", False),
        ("|b.test|a.test", False),
        ("||aXtest", False),
        ("||a.test.evil", False),
        ("||", False),
    ],
)
def test_of_several_domains_the_first_that_the_call_names_decides(said, matches):
    root = written(group("5000", "a.test"), group("5000", "b.test"))
    condition = root.find(f"extension[@name='fshunt-a.test-5000']/condition[@field='{DOMAIN_FIELD}']")
    assert condition is not None
    assert bool(re.search(condition.get("expression", "").replace(r"\z", r"\Z"), said)) is matches


def test_nothing_that_a_caller_writes_is_expanded():
    text = write_dialplan(
        [group("5000", "a.test"), group("5000", "b.test")],
        controllers=CONTROLLERS,
        voicemail_profile="default",
        codes=Settings().codes,
        fallback_box=None,
    )
    assert set(re.findall(r"\$\{[^{}]*(?:\$\{[^{}]*\}[^{}]*)*\}", text)) == {
        "${fshunt_tone}",
        "${fshunt_domain}",
        "${domain_name}",
        "${uuid_getvar(${uuid} sip_req_host)}",
        "${fshunt_gate_${fshunt_answered}}",
        "${fshunt_round_${fshunt_served}}",
    }


@pytest.mark.parametrize(
    "bad",
    [
        group('5000"/><action application="system" data="x'),
        group("5000", "pbx.test} x"),
        group("5000", "pbx.test", "1001 ${system(x)}"),
        group("5000", "pbx.test", "1001&1002"),
    ],
)
def test_a_value_of_the_database_that_does_not_fit_its_kind_is_refused(bad):
    with pytest.raises(BadValue):
        written(bad)


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "a b:8084", "a|b:8084", "${x}:1"]
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(BadValue, match="HOST:PORT"):
        write_dialplan(
            [group()], controllers=[address], voicemail_profile="default", codes=Settings().codes, fallback_box=None
        )


def test_no_address_at_all_is_refused():
    with pytest.raises(BadValue, match="at least one controller"):
        write_dialplan(
            [group()], controllers=[], voicemail_profile="default", codes=Settings().codes, fallback_box=None
        )


def test_include_tags_have_a_line_of_their_own():
    text = write_dialplan(
        [group()], controllers=CONTROLLERS, voicemail_profile="default", codes=Settings().codes, fallback_box=None
    )
    assert [line.strip() for line in text.splitlines() if "include>" in line] == ["<include>", "</include>"]


def table_conditions() -> list[ElementTree.Element]:
    text = write_table_dialplan(controllers=CONTROLLERS, voicemail_profile="office", codes=Settings().codes)
    extension, _features = ElementTree.fromstring(text).findall("extension")
    return extension.findall("condition")


def test_the_dialplan_of_the_table_can_be_read_and_has_the_same_recipe():
    written_for_one = actions(written(group("5000", "pbx.test", "1009")), "fshunt-pbx.test-5000")
    conditions = table_conditions()
    done = [(each.get("application", ""), each.get("data", "")) for each in conditions[-1].findall("action")]
    assert done[:-1] == written_for_one[1:-3], "all but the domain before it and the fallback after it"
    assert done[-1] == ("execute_extension", "'${fshunt_fallback}' inline")
    chosen = [each.get("data") for each in conditions[3]]
    assert chosen == [
        "fshunt_fallback=hangup:NO_ANSWER",
        "fshunt_fallback=answer,voicemail:office ${fshunt_domain} ${fshunt_box},hangup:NORMAL_CLEARING",
    ]


@pytest.mark.parametrize("number", ["${system(reboot)}", "5000 x", "50/00", "5000@x", "", "5000\n", "'5000'"])
def test_a_number_with_characters_that_mean_something_comes_no_further(number):
    first = table_conditions()[0]
    assert first.get("field") == "destination_number"
    assert first.get("break") is None, "the conditions after it are not looked at"
    assert re.search(first.get("expression").replace(r"\z", r"\Z"), number) is None


@pytest.mark.parametrize(
    ("field", "domain"),
    [
        ("pbx.test||", "pbx.test"),
        ("|Pbx.Test|x.test", "Pbx.Test"),
        ("||192.0.2.1", "192.0.2.1"),
        ("||_undef_", None),
        ("||a/b", None),
        ("||${x}", None),
        ("||", None),
    ],
)
def test_the_first_domain_that_the_call_names_is_looked_up_if_it_is_plain(field, domain):
    condition = table_conditions()[1]
    found = re.search(condition.get("expression").replace(r"\z", r"\Z"), field)
    assert (found[1] if found else None) == domain
    assert condition.get("break") == "never"


@pytest.mark.parametrize(
    ("field", "row"),
    [
        ("pbx.test|1001,pbx.test|1001", ("pbx.test", "1001")),
        (",pbx.test|-", ("pbx.test", "-")),
        ("a.test|+49.1_2-3,", ("a.test", "+49.1_2-3")),
        (",", None),
        ("-ERR no reply,-ERR no reply", None),
        ("-ERR db Command not found!,", None),
    ],
)
def test_the_row_of_the_calls_domain_comes_first(field, row):
    found = re.search(table_conditions()[2].get("expression").replace(r"\z", r"\Z"), field)
    assert (found.groups() if found else None) == row


def writers() -> list[str]:
    given = {"controllers": CONTROLLERS, "voicemail_profile": "default", "codes": Settings().codes}
    return [write_dialplan([group()], fallback_box=None, **given), write_table_dialplan(**given)]


@pytest.mark.parametrize("number", ["*13", "*135000", "*48*9", "block+1001", "block++49.1+5000", "*48", "block+"])
def test_each_dialplan_ends_with_the_feature_codes(number):
    for text in writers():
        last = ElementTree.fromstring(text)[-1]
        assert last.get("name") == "fshunt-features"
        assert re.search(last[0].get("expression").replace(r"\z", r"\Z"), number)[1] == number


@pytest.mark.parametrize("number", ["*1", "*12", "13", "x*13", "*13\n", "*13 5000", "*13${x}", "*13'", "block1001", ""])
def test_other_numbers_are_no_feature_codes(number):
    for text in writers():
        expression = ElementTree.fromstring(text)[-1][0].get("expression")
        assert re.search(expression.replace(r"\z", r"\Z"), number) is None


def test_without_a_daemon_the_caller_of_a_feature_code_hears_the_tone_of_refusal_and_the_call_ends():
    done = actions(ElementTree.fromstring(writers()[0]), "fshunt-features")
    assert ("set", "fshunt_tone=tone_stream://%(250,250,480,620);loops=3") in done
    after = done[done.index(("socket", "10.0.0.1:8084|10.0.0.2:8084 async full")) + 1 :]
    assert after == [
        ("answer", ""),
        ("sleep", "400"),
        ("playback", "${fshunt_tone}"),
        ("hangup", "NORMAL_CLEARING"),
    ]
