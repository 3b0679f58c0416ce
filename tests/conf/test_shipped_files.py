import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fshunt.freeswitch.dialplan import (
    FURTHER_ROUND,
    FURTHER_ROUNDS,
    GATE,
    feature_recipe,
    recipe,
    voicemail_fallback,
)
from fshunt.settings import Settings

CONF = Path(__file__).parents[2] / "freeswitch-conf"
DIALPLAN = CONF / "dialplan" / "fshunt.xml"
FILES = sorted(CONF.rglob("*.xml"))


def head(text: str) -> dict[str, str]:
    return dict(re.findall(r'<X-PRE-PROCESS cmd="set" data="([^="]+)=([^"]*)"/>', text))


def loaded() -> ElementTree.Element:
    """The shipped dialplan as FreeSWITCH has it after its pass over the head."""
    text = DIALPLAN.read_text()
    for name, value in head(text).items():
        text = text.replace("$${" + name + "}", value)
    return ElementTree.fromstring(text)


def actions(condition: ElementTree.Element) -> list[tuple[str, str]]:
    return [(a.get("application", ""), a.get("data", "")) for a in condition.findall("action")]


def pilots() -> list[ElementTree.Element]:
    return loaded().findall("extension[@name='fshunt-pilots']/condition")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_file_is_xml(path):
    ElementTree.parse(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_freeswitch_drops_no_line_for_an_include_tag(path):
    for line in path.read_text().splitlines():
        if re.search(r"</?include>", line):
            assert re.fullmatch(r"\s*</?include>\s*", line)


def test_the_shipped_dialplan_is_the_recipe_of_the_writer():
    said = head(DIALPLAN.read_text())
    fallback = voicemail_fallback(
        said["fshunt_voicemail_profile"], "${fshunt_fallback_domain}", said["fshunt_fallback_box"]
    )
    assert actions(pilots()[-1]) == recipe(said["fshunt_controllers"], fallback)


def test_the_shipped_feature_codes_are_those_of_the_settings_and_of_the_writer():
    (condition,) = loaded().findall("extension[@name='fshunt-features']/condition")
    assert condition.get("expression") == Settings().codes.expression()
    assert actions(condition) == feature_recipe(head(DIALPLAN.read_text())["fshunt_controllers"])


@pytest.mark.parametrize("number", ["5000", "5999", "5123"])
def test_pilots_are_taken(number):
    assert re.search(pilots()[0].get("expression", "").replace(r"\z", r"\Z"), number)


@pytest.mark.parametrize("number", ["4999", "6000", "500", "50000", "15000", "5000\n", "5000${x}"])
def test_other_numbers_are_not(number):
    assert not re.search(pilots()[0].get("expression", "").replace(r"\z", r"\Z"), number)


@pytest.mark.parametrize(
    ("known", "domain"),
    [
        ("own.test|its.test|host.test", "own.test"),
        ("|its.test|host.test", "its.test"),
        ("||host.test", "host.test"),
        ("||${system(x)}", None),
        ("|", None),
    ],
)
def test_the_domain_of_the_fallback_is_the_first_plain_one(known, domain):
    found = re.search(pilots()[1].get("expression", ""), known)
    assert (found.group(1) if found else None) == domain


def test_only_a_number_whose_form_was_tested_and_no_other_text_of_the_caller_is_expanded():
    expanded = [data for condition in pilots() for _, data in actions(condition) if "$" in data]
    rounds = [GATE[1], GATE[1], *[FURTHER_ROUND[1], GATE[1]] * FURTHER_ROUNDS]
    assert expanded == ["fshunt_fallback_domain=$1", *rounds, "default ${fshunt_fallback_domain} 1001"]
    fields = [c.get("field", "") for c in loaded().iter("condition")]
    assert not [f for f in fields if "${sip_" in f or "${caller" in f or "${destination" in f]


def test_the_event_socket_has_no_password_that_anybody_knows():
    passwords = [
        p.get("value", "")
        for p in ElementTree.parse(CONF / "autoload_configs/event_socket.conf.xml").iter("param")
        if p.get("name") == "password"
    ]
    assert passwords == ["CHANGE-ME"]
    assert all("ClueCon" not in path.read_text() for path in CONF.rglob("*") if path.is_file())
