"""A member whose phone is registered at another watched FreeSWITCH (fact 46)."""

import json
from collections.abc import Iterator

import pytest

from tests.live.machines import DOMAIN, Daemon, Pbx, Ports, find_freeswitch
from tests.live.sip_phones import Lab


@pytest.fixture
def other_pbx(tmp_path) -> Iterator[Pbx]:
    """Another FreeSWITCH, with the same domain and extensions."""
    found = find_freeswitch()
    assert not isinstance(found, str)
    switch = Pbx(found, tmp_path / "other", Ports.choose())
    try:
        switch.start()
        yield switch
    finally:
        switch.stop()


@pytest.fixture
def other_lab(other_pbx, loop) -> Iterator[Lab]:
    """The phone 1001, registered at the other switch alone."""
    lab = loop.run_until_complete(Lab.start(other_pbx.sip, DOMAIN))
    loop.run_until_complete(lab.register("1001"))
    yield lab
    loop.run_until_complete(lab.stop())


def watch_both(daemon: Daemon, pbx: Pbx, other: Pbx, dial: str | None) -> None:
    daemon.watch(pbx)
    del daemon.environment["FSHUNT_SWITCH"]
    tables = [f'[[switch]]\nhost = "127.0.0.1"\nport = {pbx.ports.esl}\npassword_file = "{daemon.folder}/password"\n']
    tables.append(tables[0].replace(str(pbx.ports.esl), str(other.ports.esl)))
    if dial is not None:
        tables.append(f'dial = "{dial}"\n')
    (daemon.folder / "fshunt.toml").write_text("".join(tables))
    daemon.restart()


async def test_a_member_at_another_switch_is_skipped_with_its_name(lab, other_lab, admin, daemon, pbx, other_pbx):
    await lab.unregister("1001")
    watch_both(daemon, pbx, other_pbx, None)
    admin.group("--ring-seconds", "2", members=("1001",))
    listed = json.loads(admin("member", "list", "5000", "--json"))["members"]
    there = f"127.0.0.1:{other_pbx.ports.esl}"
    assert [(each["state"], each["state_detail"]) for each in listed] == [("other-switch", there)]
    assert f"at {there} only" in admin("member", "list", "5000")
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200  # voicemail
    caller.hang_up()
    await lab.until_closed(admin, "voicemail")
    (call,) = admin.calls()
    assert [(skip["reason"], skip["detail"]) for skip in call["skips"]] == [("other-switch", there)]
    assert (call["reason"], other_lab.rang()) == ("nobody reachable", [])
    await lab.register("1001")


async def test_a_member_at_another_switch_is_rung_by_its_route(lab, other_lab, admin, daemon, pbx, other_pbx):
    await lab.unregister("1001")
    watch_both(daemon, pbx, other_pbx, f"sofia/internal/{{user}}@127.0.0.1:{other_pbx.ports.sip}")
    admin.group("--ring-seconds", "5", members=("1001",))
    other_lab.behave("1001", answer_after=0.5)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    assert other_lab.rang() == ["1001"]
    caller.hang_up()
    await lab.until_closed(admin, "answered")
    (call,) = admin.calls()
    assert (call["answered_by"], call["skips"]) == ("1001", [])
    await lab.register("1001")
