"""The fields of log lines: what a program reads of a hunt without taking sentences apart."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import fshunt
from fshunt.log_events import FIELDS, LogEvent, about
from fshunt.process.logs import JsonFormatter
from fshunt.simulator.core.phones import Behaviour
from tests.support.documents import DOCS
from tests.support.rig import DOMAIN, Rig

PAGE = (DOCS / "log.md").read_text(encoding="utf-8")
TALKS = Behaviour(answer_after=0.1, hangup_after=0.1)


def lines(caplog: pytest.LogCaptureFixture, uuid: str) -> list[dict[str, str]]:
    """What the log has of a call, as a program reads it."""
    found = [json.loads(JsonFormatter().format(each)) for each in caplog.records]
    return [each for each in found if each.get("call") == uuid]


def test_each_line_of_a_hunt_says_what_happened_and_to_whom(light_rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    light_rig.group("5000", "1001", "1002", "1003")
    light_rig.phones("1001", behaviour=Behaviour(reject=486))
    light_rig.phones("1003", behaviour=TALKS)
    with caplog.at_level(logging.INFO):
        call = light_rig.call()
    found = lines(caplog, call.uuid)
    assert [(each["event"], each.get("member"), each.get("outcome")) for each in found] == [
        ("call-arrived", None, None),
        ("ringing", "1001", None),
        ("not-answered", "1001", "busy"),
        ("skipped", "1002", "unregistered"),
        ("ringing", "1003", None),
        ("answered", "1003", "answered"),
        ("ended", "1003", "answered"),
    ]
    assert {(each["pilot"], each["domain"]) for each in found} == {("5000", DOMAIN)}


def test_the_way_to_voicemail_is_told_when_it_begins(light_rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    light_rig.group("5000", "1001", voicemail="1005")
    with caplog.at_level(logging.INFO):
        call = light_rig.call()
    found = [(each["event"], each.get("outcome")) for each in lines(caplog, call.uuid)]
    assert found[-2:] == [("voicemail", "voicemail"), ("ended", "voicemail")]


def test_what_is_not_known_is_not_in_the_line() -> None:
    record = logging.makeLogRecord({"msg": "x"} | dict(about(LogEvent.ENDED, call="u", member=None, outcome="")))
    found = json.loads(JsonFormatter().format(record))
    assert {name: found[name] for name in FIELDS if name in found} == {"event": "ended", "call": "u"}


def test_the_page_has_each_event_and_each_field() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE) == [
        *FIELDS,
        *sorted(LogEvent, key=list(LogEvent).index),
    ]


def log_calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted(Path(fshunt.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield path, node


def test_each_line_about_a_call_has_fields() -> None:
    without, some = [], 0
    for path, node in log_calls():
        says = any(isinstance(each, ast.Constant) and str(each.value).startswith("call %s: ") for each in node.args)
        if says and getattr(node.func, "attr", "") in {"debug", "info", "warning", "exception", "log"}:
            some += 1
            if "extra" not in [each.arg for each in node.keywords]:
                without.append(f"{path.name}:{node.lineno}")
    assert some > 3
    assert without == []


def test_each_event_is_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in Path(fshunt.__file__).parent.rglob("*.py"))
    assert [each for each in LogEvent if text.count(f"LogEvent.{each.name}") == 0] == []
