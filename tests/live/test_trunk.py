"""The extension of docs/trunk.md leads a number from outside to a pilot, on a real switch."""

from __future__ import annotations

import re

import pytest

from tests.live.machines import DOMAIN
from tests.support.documents import DOCS

[EXTENSION] = re.findall(r"```xml\n<include>\n(.*?)</include>\n```", (DOCS / "trunk.md").read_text(), re.DOTALL)


@pytest.fixture
def trunk(pbx):
    """The extension of the page, with the domain of this switch, before the pilots."""
    pilots = '<extension name="fshunt-pilots">'
    ours = EXTENSION.replace("pbx.example.com", DOMAIN)
    pbx.load_dialplan(pbx.shipped_dialplan().replace(pilots, f"{ours}  {pilots}"))
    yield
    pbx.load_dialplan(pbx.shipped_dialplan())


@pytest.mark.parametrize("number", ["14155550100", "+14155550100"])
async def test_a_number_of_the_trunk_rings_the_members_of_the_pilot(lab, admin, daemon, trunk, number):
    admin.group(members=("1001",))
    lab.behave("1001", answer_after=0.1)
    caller = lab.caller(number).dial()
    assert await caller.result(10) == 200
    caller.hang_up()
    call = await lab.until_closed(admin, "answered")
    assert (call["pilot"], call["domain"]) == ("5000", DOMAIN)
