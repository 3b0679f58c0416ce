"""Dial strings are parsed as FreeSWITCH does: the table of the reference, section 2.9, and more."""

from __future__ import annotations

import pytest

from fshunt.simulator.dialplan.dialstring import DialError, parse


def value(text: str) -> str | None:
    return parse(text).groups[0][0].variables.get("v")


@pytest.mark.parametrize(
    ("written", "got"),
    [
        ("{v='a,b'}user/1", "a,b"),
        (r"{v=a\,b}user/1", "a,b"),
        ("[v='a,b']user/1", "a"),
        (r"[v=a\,b]user/1", "a,b"),
        ("[^^;v=a,b;w=1]user/1", "a,b"),
        (r"{v=it\'s}user/1", "its"),
        ("[^^;v=it's, ok;w=1]user/1", "it's, ok"),
        (r"{v=a\\b}user/1", r"a\b"),
        (r"{v=a\nb}user/1", "a\nb"),
        ("{v=a=b}user/1", "a=b"),
    ],
)
def test_values_arrive_as_on_the_real_switch(written: str, got: str) -> None:
    assert value(written) == got


@pytest.mark.parametrize(
    "text",
    [
        "{v='x}y'}user/1",
        "[v='x]y']user/1",
        "{v='a:_:b'}user/1",
        "user/1:_:user/2",
        "{v=1user/1",
        "",
        "true",
        "<v=1>user/1",
    ],
)
def test_what_breaks_the_dial_string_is_dialled_nowhere(text: str) -> None:
    with pytest.raises(DialError) as caught:
        parse(text)
    assert caught.value.cause == "CHAN_NOT_IMPLEMENTED"


def test_commas_ring_together_and_bars_one_after_the_other() -> None:
    dial = parse("[a=1]user/1001@x,[a=2]sofia/internal/sip:1002@127.0.0.1:5|sofia/gateway/carrier/+1415")
    assert [[target.endpoint for target in group] for group in dial.groups] == [
        ["user/1001@x", "sofia/internal/sip:1002@127.0.0.1:5"],
        ["sofia/gateway/carrier/+1415"],
    ]
    assert [target.variables for target in dial.groups[0]] == [{"a": "1"}, {"a": "2"}]


def test_braces_override_brackets_unless_configured_otherwise() -> None:
    assert value("{v=common}[v=own]user/1") == "common"
    assert value("{v=common,local_var_clobber=true}[v=own]user/1") == "own"
