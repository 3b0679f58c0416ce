"""Feature codes: what a number asks for, and that the codes as shipped are free elsewhere."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.errors import BadValue
from fshunt.hunting.features import Codes, Dialled, Feature, check_code
from fshunt.settings import Settings

SHIPPED = Settings().codes

READ = [
    ("*13", Dialled(Feature.BLOCK)),
    ("*135000", Dialled(Feature.BLOCK, "5000")),
    ("*13*14", Dialled(Feature.BLOCK, "*14")),
    ("*14", Dialled(Feature.UNBLOCK)),
    ("*15sales", Dialled(Feature.STATE, "sales")),
    ("*48", None),
    ("*485000", Dialled(Feature.CLOSE, "5000")),
    ("*49+4930", Dialled(Feature.OPEN, "+4930")),
    ("block+1001", Dialled(Feature.TOGGLE, None, "1001")),
    ("block+1001+5000", Dialled(Feature.TOGGLE, "5000", "1001")),
    ("block++491+5000", Dialled(Feature.TOGGLE, "5000", "+491")),
    ("block+1001++4930", Dialled(Feature.TOGGLE, "+4930", "1001")),
    ("block+", None),
    ("block+1001+", None),
    ("block+10 01", None),
    ("block+*1+5000", None),
    ("Block+1001", None),
    ("*12", None),
    ("1001", None),
    ("", None),
    ("*13" + "5" * 33, None),
    ("*13-5", None),
]


@pytest.mark.parametrize(("number", "dialled"), READ, ids=[number[:20] or "nothing" for number, _ in READ])
def test_a_number_asks_for_a_feature_or_for_nothing(number, dialled):
    assert SHIPPED.read(number) == dialled


@given(st.text(max_size=50))
def test_whatever_is_dialled_is_read(number):
    found = SHIPPED.read(number)
    if found is not None:
        assert re.search(SHIPPED.expression().replace(r"\z", r"\Z"), number), "the dialplan leads it here"


def test_a_feature_without_a_code_cannot_be_dialled():
    codes = Codes(block="*13")
    assert codes.read("*14") is None
    assert r"\*14" not in codes.expression()
    assert Codes().read("block+1001") == Dialled(Feature.TOGGLE, None, "1001")


@pytest.mark.parametrize(
    ("codes", "clash"),
    [
        (Codes(block="*13", unblock="*13"), (Feature.BLOCK, Feature.UNBLOCK)),
        (Codes(block="*134", open="*13"), (Feature.OPEN, Feature.BLOCK)),
        (Codes(block="*13", unblock="*14"), None),
        (Codes(), None),
    ],
)
def test_codes_that_begin_alike_cannot_be_told_apart(codes, clash):
    assert codes.clash() == clash


@pytest.mark.parametrize("code", ["*1", "#13", "*0*1", "**", "*1234567"])
def test_a_code_is_what_a_phone_can_dial(code):
    assert check_code(code) == code


@pytest.mark.parametrize("code", ["*", "13", "", "*13a", "*12345678", "* 3", "*13\n", "block+", "*\u0661"])
def test_what_no_phone_can_dial_or_could_be_an_extension_is_no_code(code):
    with pytest.raises(BadValue, match="is not a feature code"):
        check_code(code)


ELSEWHERE = {
    # conf/vanilla of FreeSWITCH 1.10.12, which its packages install.
    "the example configuration": [
        r"^\*8$", r"^\*\*(\d+)$", r"^88(\d{4})$|^\*0(.*)$", r"^vmain$|^4000$|^\*98$", r"^\*69$|^869$|^lcr$",
        r"^(\d{7})$", r"^(\d{11})$", r"^(011\d+)$", r"(35\d{2})-canvas-(\d+)", r"park\+(\d+)", r"pickup", r"callpark",
    ],
    # app/*/resources/switch/conf/dialplan of FusionPBX 5.5.
    "FusionPBX": [
        r"^(?:agent\+|\*22)(.+)$", r"^(?:agent\+|\*24)(.+)$", r"^(park)?\+?\*(59(0[1-9]|[1-9][0-9]))$",
        r"^(park)?\+?\*(59[0-9][0-9])$", r"^(park\+)?\*(5900)$", r"^(redial|\*870)$",
        r"^(vmain$|^\*4000$|^\*98|voicemail\+)(\d{2,12})$", r"^\*(3472)$", r"^\*(732)$", r"^\*(925)$", r"^\*0(.*)$",
        r"^\*1[12]$", r"^\*2[1-4]$", r"^\*30(\d{2,7})$", r"^\*33(\d{2,7})$", r"^\*34(\d{2,7})$", r"^\*411$",
        r"^\*67(\d+)$", r"^\*69$", r"^\*72$", r"^\*72(\d{2,20})$", r"^\*724$", r"^\*7[345789]$", r"^\*78$|\*363$",
        r"^\*780$", r"^\*8$", r"^\*8(\d{2,7})$", r"^\*800(.*)$", r"^\*917[012]$", r"^\*919[5678]$", r"^\*9411$",
        r"^\*9664$", r"^\*97$", r"^\*97(\d+)$", r"^\*99(\d{2,10})$", r"^\*\*$", r"^\*\*(\d+)$",
        r"^vmain$|^\*4000$|^\*98$",
    ],
    # The defaults of FreePBX 16 and its modules; most may be followed by a number.
    "FreePBX": [
        rf"^{re.escape(code)}\d*$"
        for code in (
            "** *0 *1 *2 *3 *4 *5 *6 *8 *10 *11 *12 *21 *27 *28 *29 *30 *31 *32 *34 *35 *36 *37 *43 *45 *46 *47 *52 "
            "*53 *54 *55 *56 *57 *58 *59 *60 *65 *68 *69 *70 *71 *72 *73 *74 *75 *76 *78 *79 *80 *82 *83 *84 *85 *87 "
            "*88 *90 *91 *92 *93 *94 *95 *96 *97 *98 ## 411 555 666 888 7777"
        ).split()
        if code not in ("*1", "*2", "*3", "*4", "*5", "*6")  # keys during a call, which nobody dials
    ],
}  # fmt: skip
"""What takes star codes elsewhere, as its own sources have it."""

PILOTS = ["", "1", "11", "00", "5000", "5901", "999999", "12345678"]


@pytest.mark.parametrize("where", ELSEWHERE)
def test_the_codes_as_shipped_are_used_nowhere_else(where):
    numbers = [code + pilot for (_, code), pilot in itertools.product(SHIPPED.given(), PILOTS)]
    numbers += ["block+1001", "block+1001+5000"]
    taken = [(number, each) for number in numbers for each in ELSEWHERE[where] if re.search(each, number)]
    assert taken == []
