"""`fshunt setup` beside a real FreeSWITCH with the configuration that it is installed with, and nothing of fshunt."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.live.machines import DOMAIN, Daemon, Installation, Pbx, Ports, find_freeswitch
from tests.live.sip_phones import Lab

PUBLIC = "ClueCon"
KEEP_PROFILE = "internal.xml"


def shipped_conf(found: Installation) -> Path | None:
    """The configuration that a FreeSWITCH is installed with, if it still has the public password."""
    base = found.binary.parent.parent
    for folder in (base / "etc" / "freeswitch", base / "conf", Path("/etc/freeswitch")):
        file = folder / "autoload_configs" / "event_socket.conf.xml"
        if file.exists() and f'"{PUBLIC}"' in file.read_text():
            return folder
    return None


class FreshPbx(Pbx):
    """A FreeSWITCH with its own example configuration, on ports of this run, whose phones need no password."""

    def __init__(self, installed: Installation, folder: Path, ports: Ports, shipped: Path) -> None:
        super().__init__(installed, folder, ports)
        self.password, self.shipped = PUBLIC, shipped

    @property
    def conf(self) -> Path:
        return self.folder / "conf"

    def _configure(self) -> None:
        for name in self._folders:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.shipped, self.conf, dirs_exist_ok=True)
        values = {"internal_sip_port": self.ports.sip, "domain": DOMAIN, "default_password": "unused"}
        values |= dict.fromkeys(("local_ip_v4", "external_rtp_ip", "external_sip_ip"), "127.0.0.1")
        lines = "".join(f'<X-PRE-PROCESS cmd="set" data="{name}={value}"/>\n' for name, value in values.items())
        self._change("vars.xml", r"</include>", f"{lines}</include>")
        self._change("autoload_configs/event_socket.conf.xml", "8021", str(self.ports.esl))
        blind = '<settings>\n<param name="accept-blind-reg" value="true"/>'
        self._change(f"sip_profiles/{KEEP_PROFILE}", "<settings>", blind)
        for profile in (self.conf / "sip_profiles").glob("*.xml"):
            if profile.name != KEEP_PROFILE:
                profile.unlink()

    def _change(self, name: str, old: str, new: str) -> None:
        file = self.conf / name
        text, found = re.subn(old, new, file.read_text(), count=1)
        assert found, f"{name} has no {old}"
        file.write_text(text)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshPbx]:
    found = find_freeswitch()
    assert isinstance(found, Installation)
    shipped = shipped_conf(found)
    if shipped is None:
        pytest.skip("this FreeSWITCH is not installed with its example configuration")
    switch = FreshPbx(found, tmp_path_factory.mktemp("fresh"), Ports.choose(), shipped)
    try:
        switch.start()
        yield switch
    finally:
        switch.stop()


@pytest.fixture
def lab(fresh: FreshPbx, loop: asyncio.AbstractEventLoop) -> Iterator[Lab]:
    lab = loop.run_until_complete(Lab.start(fresh.sip, DOMAIN, fresh.ports.lab))
    try:
        yield lab
    finally:
        loop.run_until_complete(lab.stop())


class Administrator:
    """Somebody who runs commands, with a settings file that is not there yet."""

    def __init__(self, folder: Path, fresh: FreshPbx) -> None:
        self.folder, self.fresh = folder, fresh
        self.file = folder / "etc" / "fshunt.toml"
        self.daemon = Daemon(folder, fresh.ports.addresses)
        self.daemon.environment |= {"FSHUNT_CONFIG": str(self.file), "FSHUNT_DEFAULT_DOMAIN": ""}
        self.daemon.environment["FSHUNT_HTTP_LISTEN"] = "none"  # another daemon may serve the usual address here

    def setup(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Run it for JSON; return the exit code and the document."""
        said = self.run("setup", "--conf", str(self.fresh.conf), "--json", *words)
        return said.returncode, json.loads(said.stdout)["setup"]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment: Mapping[str, str] = self.daemon.environment
        return subprocess.run(
            [sys.executable, "-m", "fshunt", *words], env=environment, capture_output=True, text=True, check=False
        )


def outcomes(document: Mapping[str, Any]) -> dict[str, str]:
    return {step["name"]: step["outcome"] for step in document["steps"]}


def message(document: Mapping[str, Any], name: str) -> str:
    return next(step["message"] for step in document["steps"] if step["name"] == name)


async def test_from_an_example_configuration_to_a_recorded_call(lab, fresh, tmp_path):
    """In the order in which an administrator meets it; each part needs what the one before has left."""
    admin = Administrator(tmp_path, fresh)
    await nothing_is_changed_by_a_dry_run(admin, fresh)
    await without_a_phone_there_is_no_group(admin, fresh)
    await lab.register("1001", "1002")
    await without_a_daemon_nobody_is_called(admin)
    admin.daemon.start()
    try:
        await a_pilot_that_a_demonstration_takes_is_told(admin, fresh)
        lab.behave("1001", reject=486)
        lab.behave("1002", answer_after=0.3)
        await the_test_call_has_a_record(admin, lab)
        await it_can_be_done_again(admin, fresh)
    finally:
        admin.daemon.stop()


async def nothing_is_changed_by_a_dry_run(admin: Administrator, fresh: FreshPbx) -> None:
    before = {file: file.read_bytes() for file in fresh.conf.rglob("*") if file.is_file()}
    code, found = await asyncio.to_thread(admin.setup, "--dry-run")
    assert code == 1, "no phone is registered"
    assert outcomes(found)["event-socket"] == "to do"
    assert {file: file.read_bytes() for file in fresh.conf.rglob("*") if file.is_file()} == before
    assert not admin.file.parent.exists()


async def without_a_phone_there_is_no_group(admin: Administrator, fresh: FreshPbx) -> None:
    code, found = await asyncio.to_thread(admin.setup, "--yes")
    assert code == 1
    assert message(found, "group").startswith("No phone is registered: register one at FreeSWITCH")
    done = outcomes(found)
    files = ("event-socket", "event-socket-reload", "password-file", "settings", "database")
    assert {name: done[name] for name in files} == dict.fromkeys(files, "done")
    password = (admin.file.parent / "event_socket").read_text().strip()
    assert password != PUBLIC
    fresh.password = password
    assert "is ready" in fresh.api("status"), "the running switch takes it"
    copies = list((fresh.conf / "autoload_configs").glob("event_socket.conf.xml.bak-*"))
    assert [f'"{PUBLIC}"' in copy.read_text() for copy in copies] == [True]
    assert (admin.file.parent / "event_socket").stat().st_mode & 0o007 == 0


async def without_a_daemon_nobody_is_called(admin: Administrator) -> None:
    code, found = await asyncio.to_thread(admin.setup, "--dry-run", "--pilot", "5001")
    assert message(found, "group").startswith("Calls to 5001 are taken by extension ")
    code, found = await asyncio.to_thread(admin.setup, "--yes", "--test-call")
    assert code == 1
    assert outcomes(found)["group"] == "done", message(found, "group")
    assert outcomes(found)["dialplan"] == "done"
    assert message(found, "daemon").startswith(f"No daemon runs at {admin.daemon.address}.")
    assert message(found, "test-call") == "Not tried: it needs daemon."


async def a_pilot_that_a_demonstration_takes_is_told(admin: Administrator, fresh: FreshPbx) -> None:
    assert admin.run("group", "add", "5000", "--force").returncode == 0
    code, found = await asyncio.to_thread(admin.setup, "--yes")
    assert code == 1
    assert message(found, "dialplan").startswith("Calls to 5000 are taken by extension ivr_demo of FreeSWITCH's")
    assert admin.run("group", "remove", "5000", "--yes").returncode == 0


async def the_test_call_has_a_record(admin: Administrator, lab: Lab) -> None:
    code, found = await asyncio.to_thread(admin.setup, "--yes", "--test-call")
    assert lab.rang() == ["1001", "1002"], found
    assert found["call"]["result"] == "answered"
    assert found["call"]["answered_by"] == "1002"
    problems = [check for check in found["checks"] if not check["ok"]]
    assert (code, problems) == (0, [])


async def it_can_be_done_again(admin: Administrator, fresh: FreshPbx) -> None:
    before = {file: file.read_bytes() for file in fresh.conf.rglob("*") if file.is_file()}
    code, found = await asyncio.to_thread(admin.setup, "--yes")
    done = outcomes(found)
    assert done.pop("test-call") == "left"
    assert set(done.values()) == {"ok"}
    assert code == 0
    assert {file: file.read_bytes() for file in fresh.conf.rglob("*") if file.is_file()} == before
