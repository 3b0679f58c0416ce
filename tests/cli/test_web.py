import re
import signal
import subprocess
import sys
import types
from http.client import HTTPConnection

import pytest

from fshunt.settings import Address
from tests.support.waiting import until

from .conftest import content_of

SERVES = re.compile(r"web pages at http://127\.0\.0\.1:(\d+)")
STOP_SECONDS = 30.0


@pytest.fixture
def served(monkeypatch):
    """What the web process was started with, without starting it."""
    seen = []
    module = types.ModuleType("fshunt.web.serve")
    module.serve = lambda settings: seen.append(settings) or 0
    monkeypatch.setitem(sys.modules, "fshunt.web.serve", module)
    return seen


def test_the_web_process_gets_the_settings_and_the_option_is_over_them(fshunt, served):
    fshunt.env["FSHUNT_WEB_LISTEN"] = "127.0.0.1:9000"
    assert fshunt.invoke("web").exit_code == fshunt.invoke("web", "--listen", "127.0.0.1:9001").exit_code == 0
    assert [each.web_listen for each in served] == [Address("127.0.0.1", 9000), Address("127.0.0.1", 9001)]


def test_off_loopback_it_does_not_start_without_tls(fshunt, served):
    result = fshunt.invoke("web", "--listen", "0.0.0.0:9001")
    assert (result.exit_code, served) == (1, [])
    assert "`web_trusted_proxies`" in result.output


def test_without_its_packages_it_says_which_to_install(fshunt, monkeypatch):
    monkeypatch.delitem(sys.modules, "fshunt.web.serve", raising=False)
    monkeypatch.delitem(sys.modules, "fshunt.web.app", raising=False)
    monkeypatch.setitem(sys.modules, "flask", None)
    result = fshunt.invoke("web")
    assert result.exit_code == 1
    assert "install fshunt with `pip install '.[web]'`" in result.output


def listed(fshunt):
    """The web processes in `fshunt status`, which fails for want of a daemon."""
    return content_of(fshunt.invoke("status", "--json").stdout)["web_processes"]


def test_the_process_serves_and_ends_well_when_it_is_told_to(fshunt):
    fshunt.run("group", "add", "5000", "--domain", "pbx.test")
    command = [sys.executable, "-m", "fshunt", "web", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, env={**fshunt.env}, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = next(found[1] for line in process.stderr if (found := SERVES.search(line)))
            asking = HTTPConnection("127.0.0.1", int(port), timeout=STOP_SECONDS)
            asking.request("GET", "/healthz")
            assert asking.getresponse().read() == b'{"database":"ok","ok":true}\n'
            until(lambda: listed(fshunt), "its heartbeat is there")
        finally:
            process.send_signal(signal.SIGTERM)
        log = process.stderr.read()
        assert process.wait(STOP_SECONDS) == 0
    assert "GET /healthz 200" in log
    assert "Traceback" not in log
    assert listed(fshunt) == [], "it has said that it stops"
