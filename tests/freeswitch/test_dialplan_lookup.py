"""What a context does with a number, as far as its XML tells."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import pytest

from fshunt.freeswitch.dialplan_lookup import Answer, compile_expression, find_number

FOUND, NOT_FOUND, UNKNOWN = Answer.FOUND, Answer.NOT_FOUND, Answer.UNKNOWN
LOCAL = (
    r'<extension name="local"><condition field="destination_number" expression="^(10\d\d)$">{}</condition></extension>'
)
BRIDGE = '<action application="set" data="a=b"/><action application="bridge" data="user/$1"/>'
REFUSES = (
    '<extension name="catch-all"><condition field="destination_number" expression="^(.*)$">'
    '<action application="log" data="nothing"/><action application="respond" data="404"/></condition></extension>'
)
ENUM = (
    '<extension name="enum"><condition field="${module_exists(mod_enum)}" expression="true"/>'
    '<condition field="destination_number" expression="^(.*)$"><action application="transfer" data="$1 enum"/>'
    "</condition></extension>"
)
GLOBAL = (
    '<extension name="global" continue="true"><condition><action application="set" data="a=b"/></condition></extension>'
)
UNLOOP = (
    '<extension name="unloop"><condition field="${unroll_loops}" expression="^true$"/>'
    '<condition field="${sip_looped_call}" expression="^true$"><action application="deflect" data="x"/></condition>'
    "</extension>"
)
OFFICE = GLOBAL + UNLOOP + LOCAL.format(BRIDGE)


def condition(attributes: str, actions: str = BRIDGE) -> str:
    return f'<extension name="x"><condition {attributes}>{actions}</condition></extension>'


@pytest.mark.parametrize(
    ("inside", "number", "answer"),
    [
        (OFFICE, "1001", FOUND),
        (OFFICE, "4711", NOT_FOUND),
        ("", "4711", NOT_FOUND),
        (GLOBAL, "4711", NOT_FOUND),
        (OFFICE + REFUSES, "1001", FOUND),
        (OFFICE + REFUSES, "4711", NOT_FOUND),
        (OFFICE + ENUM, "4711", UNKNOWN),
        (OFFICE + ENUM + REFUSES, "4711", UNKNOWN),
        (ENUM + LOCAL.format(BRIDGE), "1001", FOUND),
        (LOCAL.format('<action application="hangup" data="USER_BUSY"/>'), "1001", NOT_FOUND),
        (LOCAL.format('<action application="playback" data="closed"/><action application="hangup"/>'), "1001", FOUND),
        (condition(r'field="destination_number" expression="^${prefix}\d+$"'), "4711", UNKNOWN),
        (condition(r'field="${destination_number}" expression="^47\d\d$"'), "4711", FOUND),
        (condition(r'field="destination_number" expression="^47" wday="2-6"'), "4711", UNKNOWN),
        (condition(r'field="destination_number" expression="/^47AB$/i"'), "47ab", FOUND),
        (condition('field="destination_number" expression="_47XX"') + REFUSES, "4711", UNKNOWN),
        (condition(r'field="destination_number" expression="^4711\z"'), "4711", FOUND),
        (condition('field="destination_number"', f"<expression>^4711$</expression>{BRIDGE}"), "4711", FOUND),
        (condition('field="destination_number" expression="^1$" break="never"')[:-12]
         + f"<condition>{BRIDGE}</condition></extension>", "4711", FOUND),
        (condition('field="destination_number" expression="^1"', '<anti-action application="bridge"/>'), "4711", FOUND),
        (condition('field="destination_number" expression="^47"', f"<condition>{BRIDGE}</condition>"), "4711", UNKNOWN),
        (condition('regex="any"', '<regex field="destination_number" expression="^1"/>'
                   f'<regex field="destination_number" expression="^47"/>{BRIDGE}'), "4711", FOUND),
        (condition('regex="all"', '<regex field="destination_number" expression="^1"/>'
                   f'<regex field="${{x}}" expression="^47"/>{BRIDGE}'), "4711", NOT_FOUND),
        (condition('regex="xor"', '<regex field="destination_number" expression="^4"/>'
                   f'<regex field="${{x}}" expression="^47"/>{BRIDGE}'), "4711", UNKNOWN),
    ],
)  # fmt: skip
def test_a_number_is_looked_for_as_freeswitch_does(inside: str, number: str, answer: Answer) -> None:
    context = ElementTree.fromstring(f'<context name="default">{inside}</context>')
    assert find_number(context, number).answer is answer


def test_the_reason_names_the_extension() -> None:
    context = ElementTree.fromstring(f"<context>{OFFICE}{ENUM}</context>")
    assert find_number(context, "1001").why == "extension local"
    assert find_number(context, "4711").why == "extension enum depends on more than the number"
    refusing = ElementTree.fromstring(f"<context>{REFUSES}</context>")
    assert find_number(refusing, "4711").why == "extension catch-all ends the call"


@pytest.mark.parametrize(
    "expression",
    [
        r"^(\d+)+$",
        r"^(\d*)*x",
        r"^(1|11)+$",
        r"^(\d+,?){2,}$",
        r"^((\d?)\d?)*x$",
        r"^\d*\d*\d*\d*\d*x$",
        r"^[[:digit:]]+$",
    ],
)
def test_an_expression_that_could_take_long_or_means_something_else_is_not_tried(expression: str) -> None:
    assert compile_expression(expression) is None


@pytest.mark.parametrize(
    "expression",
    [r"^(10[01][0-9])$", r"^\+?1?(\d{10})$", r"^(\+1)?(?:00)?\d+$", r"^(1\d{3}|2\d{3})$", r"^\*98$", r"^(?<a>\d+)\z",
     r"^(.*)-(.*)-(.*)-(.*)$"],
)  # fmt: skip
def test_the_usual_expressions_are_tried_and_take_little_time(expression: str) -> None:
    compiled = compile_expression(expression)
    assert compiled is not None
    began = time.perf_counter()
    for number in ("1" * 31 + "x", "1-" * 16, "1" * 32):
        compiled.search(number)
    assert time.perf_counter() - began < 1


def test_a_number_whose_calls_a_controller_takes_is_told_apart() -> None:
    pilot = condition('field="destination_number" expression="^50"', '<action application="socket" data="x"/>')
    context = ElementTree.fromstring(f"<context>{pilot}{OFFICE}</context>")
    assert find_number(context, "5001").controlled
    assert not find_number(context, "1001").controlled


@pytest.mark.parametrize("number", ["5000", "6000"])
def test_what_takes_a_number_before_ours_is_told_from_what_takes_it_behind(number: str) -> None:
    """Behind ours, or without ours, the number is just not in our dialplan."""
    ours = LOCAL.format('<action application="socket" data="127.0.0.1:8084 async full"/>')
    takes_all = (
        '<extension name="all"><condition field="destination_number" expression="^.*$">{}</condition></extension>'
    )
    for inside, before in ((ours + takes_all, False), (takes_all + ours, True), (takes_all, False)):
        context = ElementTree.fromstring(f"<context name='default'>{inside.format(BRIDGE)}</context>")
        found = find_number(context, number)
        assert (found.answer, found.why, found.before_ours) == (FOUND, "extension all", before)
