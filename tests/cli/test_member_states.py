"""What `fshunt member list` says that members do now."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from fshunt.cli import member
from fshunt.db.engine import open_store
from fshunt.db.models import DaemonRecord, HuntMember
from fshunt.db.queries import calls, claims, daemons
from fshunt.hunting.states import Outcome
from fshunt.simulator.core.phones import RINGS, answers
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.ports import held_port, number_of
from tests.support.threaded_switch import simulated_switch

DOMAIN = "pbx.test"


def lively(switch: SimulatedSwitch) -> Callable[[], bool]:
    """1001 rings, 1002 talks, 1004 has dialled out; 1003 has no phone, and 1005 does nothing."""
    ringing, talking = switch.phone("1001", RINGS), switch.phone("1002", answers(0.0))
    dialling = switch.phone("1004", RINGS)
    switch.phone("1005", RINGS)
    switch.call("1001", "4155550100")
    call = switch.call("1002", "4155550101")
    switch.call_from(dialling, "1003")
    switch.routes["9999"] = [("park", "")]
    switch.call_from(dialling, "9999")
    return lambda: bool(ringing.rings) and call.talking.is_set() and talking.talking == 1


@pytest.fixture
def five(office):
    office.run("member", "add", "5000", "1004", "1005")
    return office


@pytest.fixture
def watching(five, tmp_path):
    with simulated_switch(tmp_path, lively) as setting:
        five.env["FSHUNT_SWITCH"] = setting
        yield five


def states(office) -> dict[str, str]:
    return {member["extension"]: member["state"] for member in office.json("member", "list", "5000")}


def shown(office) -> dict[str, str]:
    """The column of the state, by extension."""
    titles, *lines = office.run("member", "list", "5000").stdout.splitlines()
    start, end = titles.index("state"), titles.index("idle since")
    return {line.split()[1]: line[start:end].strip() for line in lines}


def test_ringing_talking_dialling_and_unregistered_members_are_seen(watching):
    assert states(watching) == {
        "1001": "ringing",
        "1002": "on-call",
        "1003": "unregistered",
        "1004": "on-call",
        "1005": "free",
    }
    assert watching.run("member", "list", "5000").stderr == ""


def test_the_page_shows_since_when_and_with_whom(watching):
    words = shown(watching)
    assert re.fullmatch(r"ringing for 4155550100 since \d\d:\d\d:\d\d", words["1001"])
    assert re.fullmatch(r"on call with 4155550101 since \d\d:\d\d:\d\d", words["1002"])
    assert words["1003"] == "unregistered"
    assert re.fullmatch(r"on call with 9999 since \d\d:\d\d:\d\d", words["1004"])
    assert words["1005"] == "free"
    (talking,) = [one for one in watching.json("member", "list", "5000") if one["extension"] == "1002"]
    since = datetime.fromisoformat(talking["state_since"])
    assert timedelta(0) <= datetime.now(UTC) - since < timedelta(minutes=5)
    assert talking["other_end"] == "4155550101"


def test_what_was_set_comes_before_what_the_phone_does(watching):
    watching.run("member", "disable", "5000", "1001")
    watching.run("member", "block", "1002")
    words = shown(watching)
    assert words["1001"] == "disabled"
    assert re.fullmatch(r"blocked since \d\d:\d\d:\d\d", words["1002"])
    assert states(watching)["1002"] == "blocked"


def test_an_external_number_needs_no_registration(watching):
    watching.run("member", "add", "5000", "+14155550123@carrier")
    assert states(watching)["+14155550123@carrier"] == "free"


@contextmanager
def writing(office):
    store = open_store(office.env["FSHUNT_DATABASE_URL"])
    try:
        with store.writing() as session:
            yield session
    finally:
        store.close()


def _claim(office, extension: str, outcome: Outcome | None, *, offered: bool = True, silent: float = 0.0) -> None:
    """Have a hunt hold a member, for a daemon that was last heard of ``silent`` seconds ago."""
    now = datetime.now(UTC)
    last = now - timedelta(seconds=silent)
    with writing(office) as s:
        calls.open_call(
            s, "hunt", uuid="call", domain=DOMAIN, pilot="5000", group_name="", policy="regular", caller_number=None,
            caller_name=None, started_at=now, policy_input=None, node="node",
        )  # fmt: skip
        claims.claim(s, DOMAIN, [extension], hunt_id="hunt", call_uuid="call", run_id="run", sequence=1)
        daemons.write_heartbeat(s, "run", node="node", started_at=last, at=last, status={})
        if offered:
            calls.add_offer(
                s, "offer", call_id="hunt", stage=1, cycle=1, position=1, extension=extension, phones=1,
                ring_seconds=18.0, started_at=now,
            )  # fmt: skip
        if outcome is not None:
            calls.end_offer(s, "offer", outcome=outcome, ended_at=now)


@pytest.mark.parametrize(
    ("outcome", "offered", "state"),
    [(None, True, "ringing"), (Outcome.ANSWERED, True, "on-call"), (None, False, "claimed")],
)
def test_without_a_switch_the_states_come_from_the_database(office, outcome, offered, state):
    _claim(office, "1002", outcome, offered=offered)
    assert states(office) == {"1001": "unknown", "1002": state, "1003": "unknown"}
    assert shown(office)["1001"] == "enabled"
    warning = office.run("member", "list", "5000").stderr
    assert warning == "Warning: No [[switch]] is configured: member states are those in the database only.\n"


GONE_FOR_SECONDS = 3600.0


@pytest.fixture(autouse=True)
def pauses(monkeypatch) -> list[float]:
    """The pauses before second looks; nothing is waited for."""
    seconds: list[float] = []
    monkeypatch.setattr(member, "sleep", seconds.append)
    return seconds


def test_the_claims_of_a_dead_daemon_are_shown_as_such(office):
    """Nobody has ended its claims yet, and the talk may continue."""
    _claim(office, "1002", Outcome.ANSWERED, silent=GONE_FOR_SECONDS)
    assert re.fullmatch(r"on call since \d\d:\d\d:\d\d, left by a daemon that is gone", shown(office)["1002"])
    (left,) = [one for one in office.json("member", "list", "5000") if one["state_left"]]
    assert (left["extension"], left["state"]) == ("1002", "on-call")


def test_a_claim_counts_as_left_only_if_its_daemon_sends_no_other_heartbeat(office, monkeypatch, pauses):
    _claim(office, "1002", None, silent=12.0)
    assert shown(office)["1002"].endswith(", left by a daemon that is gone")
    assert pauses == [2.5]

    def sends_a_heartbeat(_: float) -> None:
        with writing(office) as s:
            s.execute(update(DaemonRecord).values(counter=DaemonRecord.counter + 1))

    monkeypatch.setattr(member, "sleep", sends_a_heartbeat)
    assert "left by" not in shown(office)["1002"]


def test_the_switches_override_the_claims_of_a_dead_daemon(watching):
    _claim(watching, "1005", Outcome.ANSWERED, silent=GONE_FOR_SECONDS)
    assert states(watching)["1005"] == "free"


def test_a_call_that_the_switches_see_is_not_of_a_dead_daemon(watching):
    _claim(watching, "1002", Outcome.ANSWERED, silent=GONE_FOR_SECONDS)
    assert not any(one["state_left"] for one in watching.json("member", "list", "5000"))
    assert states(watching)["1002"] == "on-call"


def test_a_member_is_in_wrap_up_after_a_call(office):
    office.run("group", "set", "5000", "--wrap-up", "600")
    with writing(office) as s:
        s.query(HuntMember).filter_by(extension="1001").update({"idle_since": datetime.now(UTC)})
    assert states(office)["1001"] == "wrap-up"
    assert re.fullmatch(r"wrap-up since \d\d:\d\d:\d\d", shown(office)["1001"])


def test_an_unreachable_switch_is_named_and_the_rest_is_shown(watching, tmp_path):
    with held_port() as nobody_listens:
        there, port = watching.env["FSHUNT_SWITCH"], number_of(nobody_listens)
        watching.env["FSHUNT_SWITCH"] = f"{there},127.0.0.1:{port}={tmp_path / 'password'}"
        warnings = watching.run("member", "list", "5000").stderr.splitlines()
        assert len(warnings) == 1
        assert f"127.0.0.1:{port} was not asked" in warnings[0]
        found = states(watching)
    assert found["1002"] == "on-call"
    assert found["1003"] == "unknown"  # its phone may be registered at the other switch
    assert found["1005"] == "free"


@pytest.mark.parametrize(
    ("password", "words"),
    [("wrong-password", "refuses the event socket's password"), ("ClueCon", "which fshunt refuses")],
)
def test_a_wrong_or_default_password_is_reported_and_not_shown(watching, tmp_path, password, words):
    (tmp_path / "password").write_text(password)
    result = watching.run("member", "list", "5000")
    assert words in result.stderr
    assert "wrong-password" not in result.output
    assert result.stderr.count("\n") == 1
