"""What docs/troubleshooting.md says that a caller gets, tried on a real switch."""

from __future__ import annotations

import re

import pytest

SILENCE = 500
"""The loudest sample of the faint noise that FreeSWITCH sends where it has nothing to play."""


@pytest.fixture
def dialplan(pbx):
    """Loads another dialplan; the usual one is there again afterwards."""
    yield pbx.load_dialplan
    pbx.load_dialplan(pbx.shipped_dialplan())


async def test_a_pilot_that_is_not_in_the_loaded_dialplan_is_a_404(lab, admin, daemon, dialplan):
    admin.group(members=("1001",))
    dialplan("<include/>\n")
    assert await lab.caller("5000").dial().result(10) == 404


@pytest.mark.parametrize("music", ["local_stream://nothing", "/nowhere/nothing.wav"])
async def test_music_that_cannot_be_played_is_silence_and_the_phones_ring_all_the_same(lab, admin, daemon, music):
    admin.group("--ring-seconds", "4", "--music", music, members=("1001",))
    lab.behave("1001", answer_after=3)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    assert await caller.result(10) == 200
    answered = await lab.until_seen("1001", "ANSWER")
    heard = caller.heard_sound(until=answered.at)
    assert max((abs(sample) for _, samples in heard for sample in samples), default=0) < SILENCE


async def test_the_fallback_may_be_a_transfer_as_beside_fusionpbx(lab, admin, daemon, pbx, dialplan):
    """docs/beside-fusionpbx.md has it in place of mod_voicemail."""
    admin.group(members=("1001",))
    voicemail = re.compile(
        r'<action application="answer"/>\s*<action application="voicemail" [^>]*/>\s*<action [^>]*/>'
    )
    text, found = voicemail.subn('<action application="transfer" data="1002 XML default"/>', pbx.shipped_dialplan())
    assert found == 1
    dialplan(text)
    daemon.terminate()
    daemon.wait()
    lab.behave("1002", answer_after=0.1)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    assert lab.rang() == ["1002"]
    caller.hang_up()
    daemon.start()
