import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fshunt.daemon.net.listener import BACKLOG
from fshunt.daemon.supervised import FAREWELL_SECONDS, FLUSH_SECONDS
from fshunt.settings.model import ROWS
from fshunt.web.serve import PING_SECONDS, STOP_SECONDS

UNIT = Path(__file__).parents[2] / "systemd" / "fshunt.service"
SOCKET = UNIT.with_name("fshunt.socket")
WEB = UNIT.with_name("fshunt-web.service")
MOST_EXPOSURE = 1.5
STOP_OF_PARTS_SECONDS = 3.0
"""For a stop's small steps: the threads, the metrics, and a last write to an unavailable database."""

analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
systemctl = pytest.mark.skipif(shutil.which("systemctl") is None, reason="no systemctl on this machine")


class Repeating(dict):
    """systemd allows a key more than once: each adds to the list."""

    def __setitem__(self, key, value):
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def unit(section: str = "Service", file: Path = UNIT) -> dict[str, str]:
    parser = configparser.RawConfigParser(dict_type=Repeating, strict=False, interpolation=None, delimiters="=")
    parser.optionxform = str
    parser.read(file)
    return dict(parser[section])


@analyze
@pytest.mark.parametrize("file", [UNIT, WEB], ids=lambda file: file.stem)
def test_the_service_is_hardly_exposed(file):
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(file)], capture_output=True, text=True
    ).stdout
    found = re.search(rf"Overall exposure level for {file.name}: ([0-9.]+)", said)
    assert found, said
    assert float(found.group(1)) <= MOST_EXPOSURE


def complaints(folder: Path, *names: str) -> list[str]:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(folder / name) for name in names)],
        capture_output=True,
        text=True,
    )
    return [line for line in done.stderr.splitlines() if "fshunt" in line]


@pytest.fixture
def copies(tmp_path):
    """The units with a program that is there."""
    (tmp_path / UNIT.name).write_text(re.sub(r"(?m)^ExecStart=.*", "ExecStart=/bin/true", UNIT.read_text()))
    (tmp_path / WEB.name).write_text(re.sub(r"(?m)^ExecStart=.*", "ExecStart=/bin/true", WEB.read_text()))
    (tmp_path / SOCKET.name).write_text(SOCKET.read_text())
    return tmp_path


@analyze
def test_systemd_understands_every_line(copies):
    assert complaints(copies, UNIT.name, SOCKET.name, WEB.name) == []


@analyze
def test_systemd_understands_the_service_without_the_socket(copies):
    (copies / SOCKET.name).unlink()
    assert complaints(copies, UNIT.name) == []


@systemctl
@pytest.mark.parametrize("with_socket", [True, False])
def test_the_service_can_be_enabled_with_the_socket_and_without_it(tmp_path, with_socket):
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for file in [UNIT, SOCKET] if with_socket else [UNIT]:
        shutil.copy(file, units)
    done = subprocess.run(
        ["systemctl", f"--root={tmp_path}", "enable", "fshunt.service"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (units / "multi-user.target.wants" / UNIT.name).is_symlink()
    assert (units / "sockets.target.wants" / SOCKET.name).is_symlink() is with_socket


def test_the_socket_is_where_the_daemon_would_listen():
    said = unit("Socket", SOCKET)
    assert said["ListenStream"] == str(ROWS["listen"].default())
    assert int(said["Backlog"]) == BACKLOG


def test_the_socket_lets_in_whom_the_service_lets_in():
    socket, service = unit("Socket", SOCKET), unit()
    for name in ("IPAddressDeny", "IPAddressAllow"):
        assert socket[name] == service[name]


def test_a_start_of_the_service_brings_its_socket_first_but_does_not_need_it():
    said = unit("Unit")
    assert said["Wants"] == SOCKET.name
    assert SOCKET.name in said["After"].split()
    assert "Requires" not in said
    assert "BindsTo" not in said
    assert unit("Install")["Also"] == SOCKET.name
    assert "PartOf" not in unit("Unit", SOCKET), "a restart of the daemon would close its port"


def test_a_stop_is_given_more_time_than_the_daemon_takes():
    takes = ROWS["stop_timeout"].default() + FAREWELL_SECONDS + FLUSH_SECONDS + STOP_OF_PARTS_SECONDS
    assert float(unit()["TimeoutStopSec"]) > takes


def test_what_the_daemon_needs_is_allowed():
    said = unit()
    assert said["RestrictAddressFamilies"].split() == ["AF_UNIX", "AF_INET", "AF_INET6"]
    assert "localhost" in said["IPAddressAllow"]
    state = "/var/lib/" + said["StateDirectory"].splitlines()[0]
    assert ROWS["database_url"].default().startswith(f"sqlite:///{state}/")
    assert said["ProtectSystem"] == "strict"


def test_the_daemon_can_read_its_settings():
    assert unit()["ConfigurationDirectoryMode"] == "0755", "systemd gives this directory to root, whatever User= is"


def test_systemd_waits_until_it_is_ready_watches_it_and_starts_it_again():
    said = unit()
    assert (said["Type"], said["Restart"]) == ("notify", "always")
    assert float(said["WatchdogSec"]) > 0
    assert said["ExecStart"].endswith("/fshunt serve")


@pytest.mark.parametrize("file", [UNIT, WEB], ids=lambda file: file.name)
def test_the_settings_file_is_the_one_place_for_the_database(file):
    assert "EnvironmentFile" not in unit(file=file), "the commands would not see the database of the daemon"


def test_the_web_process_cannot_read_the_password_of_an_event_socket():
    hidden = [path.removeprefix("-") for path in unit(file=WEB)["InaccessiblePaths"].split()]
    page = (UNIT.parents[1] / "docs" / "first-hour.md").read_text()
    assert re.findall(r'^ +password_file = "(.*)"', page, re.MULTILINE) == ["/etc/fshunt/event_socket"]
    assert {"/etc/fshunt/event_socket", "/etc/freeswitch"} <= set(hidden)


def test_the_web_process_is_hardened_as_the_daemon_is():
    daemon, web = unit(), unit(file=WEB)
    own = {"ExecStart", "ExecReload", "TimeoutStopSec", "LimitNOFILE", "LogsDirectory", "LogsDirectoryMode"}
    assert {name: web.get(name) for name in daemon if name not in own} == {
        name: value for name, value in daemon.items() if name not in own
    }


def test_a_stop_of_the_web_process_is_given_more_time_than_it_takes():
    assert float(unit(file=WEB)["TimeoutStopSec"]) > STOP_SECONDS
    assert float(unit(file=WEB)["WatchdogSec"]) > 2 * PING_SECONDS
