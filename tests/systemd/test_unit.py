import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fshunt.daemon.service import FAREWELL_SECONDS, FLUSH_SECONDS
from fshunt.settings.model import ROWS

UNIT = Path(__file__).parents[2] / "systemd" / "fshunt.service"
MOST_EXPOSURE = 1.5
analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")


class Repeating(dict):
    """Systemd lets a key stand more than once: each adds to it."""

    def __setitem__(self, key, value):
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def unit() -> dict[str, str]:
    parser = configparser.RawConfigParser(dict_type=Repeating, strict=False, interpolation=None, delimiters="=")
    parser.optionxform = str
    parser.read(UNIT)
    return dict(parser["Service"])


@analyze
def test_the_service_is_hardly_exposed():
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)], capture_output=True, text=True
    ).stdout
    found = re.search(r"Overall exposure level for fshunt.service: ([0-9.]+)", said)
    assert found, said
    assert float(found.group(1)) <= MOST_EXPOSURE


@analyze
def test_systemd_understands_every_line(tmp_path):
    copy = tmp_path / "fshunt.service"
    copy.write_text(re.sub(r"(?m)^ExecStart=.*", "ExecStart=/bin/true", UNIT.read_text()))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if "fshunt" in line] == []


def test_a_stop_is_given_more_time_than_the_daemon_takes():
    takes = ROWS["stop_timeout"].default() + FAREWELL_SECONDS + FLUSH_SECONDS
    assert float(unit()["TimeoutStopSec"]) > takes


def test_what_the_daemon_needs_is_allowed():
    said = unit()
    assert said["RestrictAddressFamilies"].split() == ["AF_UNIX", "AF_INET", "AF_INET6"]
    assert "localhost" in said["IPAddressAllow"]
    state = "/var/lib/" + said["StateDirectory"].splitlines()[0]
    assert ROWS["database_url"].default().startswith(f"sqlite:///{state}/")
    assert said["ProtectSystem"] == "strict"


def test_systemd_waits_until_it_is_ready_watches_it_and_starts_it_again():
    said = unit()
    assert (said["Type"], said["Restart"]) == ("notify", "always")
    assert float(said["WatchdogSec"]) > 0
    assert said["ExecStart"].endswith("/fshunt serve")
    assert said["EnvironmentFile"].startswith("-"), "a machine without secrets has no such file"
