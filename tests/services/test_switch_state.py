"""What `config check` says of a switch itself, by the words that it answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fshunt.esl.commands import Command
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group, Member
from fshunt.services.switch_state import state_findings

VOICEMAIL = "/sounds/voicemail/vm-person.wav"
PROMPT = "ivr/press-1.wav"
VERSION = "FreeSWITCH Version 1.10.12-release (64bit)\n"


def status(sessions: int, per_second: int) -> str:
    return (
        "0 session(s) - peak 0, last 5min 0 \n"
        f"0 session(s) per Sec out of max {per_second}, peak 0, last 5min 0 \n"
        f"{sessions} session(s) max\n"
    )


class Line:
    """A switch that answers so; ``files`` are those that it has."""

    def __init__(self, answers: dict[str, str], files: Sequence[str] = ()) -> None:
        self.answers = {
            "status": status(1000, 30),
            "version": VERSION,
            "global_getvar sound_prefix": "/sounds",
            "local_stream show": "moh,/music\n",
            f"file_exists {VOICEMAIL}": "true",
            **{f"file_exists {file}": "true" for file in files},
            **answers,
        }

    def send(self, command: Command, timeout: float) -> Any:
        return self.send_all([command], timeout)[0]

    def send_all(self, said: Sequence[Command], timeout: float) -> Any:
        words = [each.lines[0].removeprefix("api ") for each in said]
        return [SimpleNamespace(reply_text=self.answers.get(each, "false")) for each in words]


def group(members: int = 2, **fields: Any) -> Group:
    listed = [Member(id=at, position=at, address=parse_member(str(1000 + at))) for at in range(1, members + 1)]
    return Group(id=1, domain="pbx.test", pilot="5000", members=tuple(listed), **fields)


def findings(*groups: Group, files: Sequence[str] = (), **answers: str) -> list[str]:
    found = state_findings("fs1", Line(answers, files), groups, PROMPT)
    return [each.what for each in found]


def test_a_switch_with_room_for_all_is_no_finding() -> None:
    assert findings(group(8, policy="simultaneous"), group(50), group(0, policy="simultaneous")) == []


def test_fewer_calls_than_a_group_rings_at_once() -> None:
    (said,) = findings(group(20, policy="simultaneous"), group(50), status=status(20, 30))
    assert said == "Switch fs1 takes 20 calls at a time, and group 5000 rings 20 members at once."
    assert findings(group(19, policy="simultaneous"), status=status(20, 30)) == []


def test_fewer_calls_a_second_than_a_group_begins() -> None:
    (said,) = findings(group(8, policy="simultaneous"), group(20, policy="simultaneous"), status=status(1000, 9))
    assert said == "Switch fs1 begins fewer than 9 calls a second, and a call to group 5000 is 9 of them at once."
    assert findings(group(7, policy="simultaneous"), status=status(1000, 9)) == []
    assert findings(group(9, policy="simultaneous"), status=status(1000, 9)) == []  # so many do not count for it


def test_a_release_with_known_faults() -> None:
    (said,) = findings(group(), version="FreeSWITCH Version 1.10.9-release (64bit)")
    assert said.startswith("Switch fs1 is FreeSWITCH 1.10.9, whose known faults are: ")
    assert "CVE-2023-51443" in said
    assert "CVE-2021" not in said


@pytest.mark.parametrize(
    ("music", "missing"),
    [
        ("local_stream://moh", None),
        ("tone_stream://%(400,200,425)", None),
        ("wait/a.wav", None),
        ("/else/b.wav", None),
        ("local_stream://jazz", "has no local stream jazz"),
        ("wait/c.wav", "has no file /sounds/wait/c.wav"),
    ],
)
def test_music_that_is_not_there(music: str, missing: str | None) -> None:
    line = Line({}, ["/sounds/wait/8000/a.wav", "/else/b.wav"])
    found = state_findings("fs1", line, [group(music=music)], PROMPT)
    assert [each.what for each in found] == ([] if missing is None else [f"Switch fs1 {missing}, the music of 5000."])
    assert all(each.is_problem for each in found)


def test_a_relative_file_is_not_looked_for_where_no_folder_is_known() -> None:
    line = Line({"global_getvar sound_prefix": "-ERR no reply"})
    assert state_findings("fs1", line, [group(music="wait/c.wav")], PROMPT) == []


def test_the_prompt_is_missed_only_where_somebody_confirms() -> None:
    confirming = group(members=0)
    member = Member(id=1, position=1, address=parse_member("0711@carrier"), confirm=True)
    confirming = replace(confirming, members=(member,))
    assert findings(confirming, files=[f"/sounds/ivr/16000/{PROMPT.removeprefix('ivr/')}"]) == []
    assert findings(group()) == []
    (missing,) = state_findings("fs1", Line({}), [confirming], PROMPT)
    assert missing.what == f"Switch fs1 has no file /sounds/{PROMPT}, the prompt for members who confirm a call."
    assert not missing.is_problem


def test_the_public_password_of_the_phones_is_told_with_the_wait_that_it_causes() -> None:
    (found,) = state_findings("fs1", Line({"global_getvar default_password": "1234"}), [group()], PROMPT)
    assert found.what.endswith("(`default_password` is 1234).")
    assert "waiting for 10 s" in found.why
    assert not found.is_problem, "calls go through all the same"
    assert state_findings("fs1", Line({"global_getvar default_password": "Xk29"}), [group()], PROMPT) == []


def test_voicemail_without_its_sounds() -> None:
    (said,) = findings(group(), **{f"file_exists {VOICEMAIL}": "false"})
    assert said.startswith(f"Switch fs1 has no file {VOICEMAIL}, with which a voicemail box")
    at_a_rate = "/sounds/voicemail/16000/vm-person.wav"
    assert findings(group(), files=[at_a_rate], **{f"file_exists {VOICEMAIL}": "false"}) == []
    assert findings(**{f"file_exists {VOICEMAIL}": "false"}) == []


def sip_profiles(*profiles: tuple[str, str, str]) -> dict[str, str]:
    listed = "".join(
        f'<profile name="{name}"><gateways/><settings><param name="manage-presence" value="{manages}"/>'
        f'<param name="presence-hosts" value="{hosts}"/></settings></profile>'
        for name, manages, hosts in profiles
    )
    xml = f'<configuration name="sofia.conf"><global_settings/><profiles>{listed}</profiles></configuration>'
    return {"xml_locate configuration configuration name sofia.conf": xml}


def test_a_switch_whose_profiles_do_not_manage_presence_shows_no_lamps() -> None:
    (found,) = findings(group(), **sip_profiles(("external", "false", ""), ("internal", "passive", "")))
    assert found == "No SIP profile of switch fs1 has `manage-presence`."
    assert findings(group(), **sip_profiles(("external", "false", ""), ("internal", "true", ""))) == []
    assert findings(**sip_profiles(("external", "false", ""))) == []
    line = Line(sip_profiles(("external", "false", "")))
    assert state_findings("fs1", line, [group()], PROMPT, lamps=False) == [], "lamps are off"
    assert findings(group(), **{"xml_locate configuration configuration name sofia.conf": "<broken"}) == []


def test_presence_hosts_that_mix_tenants_are_told() -> None:
    groups = [group(), replace(group(), domain="other.test")]
    said = sip_profiles(("internal", "true", ""), ("shared", "yes", "pbx.test, other.test,192.0.2.1"))
    (found,) = findings(*groups, **said)
    assert found == "SIP profile shared of switch fs1 has other.test and pbx.test in `presence-hosts`."
    assert findings(groups[0], **said) == []
