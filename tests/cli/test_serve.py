import sys
import types

import pytest

from fshunt.settings import Address


@pytest.fixture
def served(monkeypatch):
    """What the daemon was started with, without starting it."""
    seen = []
    build = types.ModuleType("fshunt.daemon.bootstrap")
    build.serve = lambda settings, _read: seen.append(settings) or 3
    monkeypatch.setitem(sys.modules, "fshunt.daemon.bootstrap", build)
    return seen


def test_the_daemon_gets_the_settings_and_gives_the_exit_code(fshunt, served, tmp_path):
    file = tmp_path / "fshunt.toml"
    file.write_text('listen = "127.0.0.1:9000"\nmax_calls = 5\n')
    assert fshunt.invoke("serve", "--config", str(file)).exit_code == 3
    [settings] = served
    assert (settings.listen, settings.max_calls) == (Address("127.0.0.1", 9000), 5)


def test_listen_on_the_command_line_overrides_the_setting(fshunt, served):
    fshunt.env["FSHUNT_LISTEN"] = "127.0.0.1:9000"
    fshunt.invoke("serve", "--listen", "127.0.0.1:9001")
    assert served[0].listen == Address("127.0.0.1", 9001)


def test_an_address_that_others_reach_is_allowed_with_allowed_peers(fshunt, served):
    fshunt.env["FSHUNT_ALLOWED_PEERS"] = "192.0.2.0/24"
    fshunt.invoke("serve", "--listen", "0.0.0.0:9001")
    assert served[0].listen == Address("0.0.0.0", 9001)
