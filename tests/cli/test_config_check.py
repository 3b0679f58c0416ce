import os
import socket
import threading
from contextlib import contextmanager

import pytest

from fshunt.cli import checks as checks_module
from fshunt.process.run_as import User
from fshunt.settings import Settings

from .conftest import content_of


@pytest.fixture
def checked(office, free_port, tmp_path):
    """`fshunt config check` with a file that says where to listen."""
    file = tmp_path / "fshunt.toml"
    file.write_text(f'listen = "127.0.0.1:{free_port}"\nhttp_listen = "127.0.0.1:0"\nseconds_per_ring = 5\n')
    office.env["FSHUNT_CONFIG"] = str(file)
    return office


def checks(fshunt, exit_code: int = 0) -> dict[str, tuple[bool, str]]:
    result = fshunt.invoke("config", "check", "--json")
    assert result.exit_code == exit_code, result.output
    return {check["name"]: (check["ok"], check["message"]) for check in content_of(result.stdout)["checks"]}


def test_each_setting_stands_there_with_where_it_comes_from(checked, database_url):
    rows = checked.json("config", "check")["settings"]
    settings = {row["name"]: (row["value"], row["source"]) for row in rows}
    assert settings["seconds_per_ring"] == (5.0, "file")
    assert settings["default_domain"] == ("pbx.test", "environment")
    assert settings["max_calls"] == (1000, "default")
    short, whole = (
        [line.split() for line in checked.run("config", "check", *words).stdout.splitlines()]
        for words in ((), ("--settings",))
    )
    for lines in (short, whole):
        assert ["seconds_per_ring", "5", "file"] in lines
        assert ["default_domain", "pbx.test", "environment"] in lines
    default = ["max_calls", "1000", "default"]
    assert default in whole
    assert default not in short


def test_problems_stand_first_and_are_counted_at_the_end(checked, monkeypatch):
    checked.run("group", "add", "6000")
    lines = checked.run("config", "check").stdout.splitlines()
    assert lines[0].startswith("NOTE     groups: Group 6000 has no members")
    assert lines[-1] == "No problem, 3 notes."
    checked.env["FSHUNT_WEB_LISTEN"] = "0.0.0.0:8090"
    lines = checked.invoke("config", "check").stdout.splitlines()
    assert lines[0].startswith("PROBLEM  web pages: ")
    marks = [line.split()[0] for line in lines[: lines.index("")]]
    assert marks == sorted(marks, key=["PROBLEM", "NOTE", "OK"].index)
    assert lines[-1] == "1 problem, 3 notes."
    found = content_of(checked.invoke("config", "check", "--json").stdout)
    assert found["problems"] == 1
    (wrong,) = [each for each in found["checks"] if not each["ok"]]
    assert wrong["problems"] == [wrong["message"]]
    (groups,) = [each for each in found["checks"] if each["name"] == "groups"]
    assert groups["message"].startswith("2 groups in 1 domain. Group 6000 has no members")
    assert len(groups["notes"]) == 2


def test_a_sentence_is_parted_between_words_on_a_narrow_terminal(checked, monkeypatch):
    monkeypatch.setattr("fshunt.cli.output.wrapped", lambda text, indent: [text[:indent], text[indent:]])
    checked.env["FSHUNT_WEB_LISTEN"] = "0.0.0.0:8090"
    lines = checked.invoke("config", "check").stdout.splitlines()
    assert lines[0] == "PROBLEM  "
    assert lines[1].startswith("web pages: ")


def test_all_is_well(checked, free_port):
    found = checks(checked)
    assert found["database"][0]
    assert found["groups"] == (True, "1 group in 1 domain.")
    assert found["listen"] == (True, f"127.0.0.1:{free_port} is free.")


def test_a_database_that_is_not_migrated_is_wrong(checked, empty_database_url):
    checked.env["FSHUNT_DATABASE_URL"] = empty_database_url
    found = checks(checked, exit_code=1)
    assert found["database"] == (False, found["database"][1])
    assert "fshunt db upgrade" in found["database"][1]
    assert "groups" not in found
    result = checked.invoke("config", "check")
    assert result.exit_code == 1
    assert "PROBLEM  database: " in result.stdout


def test_a_database_that_cannot_be_written_is_wrong(checked, unwritable):
    ok, message = checks(checked, exit_code=1)["database"]
    assert not ok
    assert unwritable in message


def test_a_running_fshunt_is_recognized_by_its_greeting(checked, neighbour, free_port):
    neighbour(b"connect\n\n")
    assert checks(checked)["listen"] == (True, f"A running fshunt listens on 127.0.0.1:{free_port}.")


def test_a_port_that_another_program_uses_is_wrong(checked, neighbour, free_port):
    neighbour(b"SSH-2.0-OpenSSH\r\n")
    ok, message = checks(checked, exit_code=1)["listen"]
    assert not ok
    assert message.startswith(f"127.0.0.1:{free_port} is in use by another program")


def test_a_silent_program_on_loopback_is_no_fshunt_whatever_its_peers(checked, neighbour):
    neighbour(b"")
    checked.env["FSHUNT_ALLOWED_PEERS"] = "192.0.2.1"
    ok, message = checks(checked, exit_code=1)["listen"]
    assert not ok
    assert "is in use by another program" in message


def test_a_fshunt_that_does_not_know_us_may_be_silent(checked, neighbour, monkeypatch):
    neighbour(b"")
    monkeypatch.setattr(checks_module, "Peers", frozenset)  # so that this machine is not among them, as off loopback
    checked.env["FSHUNT_ALLOWED_PEERS"] = "192.0.2.1"
    ok, message = checks(checked)["listen"]
    assert ok
    assert "not in `allowed_peers`" in message


def test_a_port_held_open_without_a_daemon_is_reported(checked, free_port, monkeypatch):
    monkeypatch.setattr(checks_module, "GREETING_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", free_port)):
        ok, message = checks(checked, exit_code=1)["listen"]
    assert not ok
    assert "if it belongs to fshunt.socket, see `systemctl status fshunt`" in message


def test_the_address_of_the_metrics_is_tried(checked, free_port, neighbour):
    checked.env["FSHUNT_LISTEN"] = "127.0.0.1:0"
    assert checks(checked)["metrics"] == (True, "127.0.0.1:0 is free.")
    checked.env["FSHUNT_HTTP_LISTEN"] = "none"
    assert checks(checked)["metrics"] == (True, "Metrics and health are off (`http_listen`).")
    checked.env["FSHUNT_HTTP_LISTEN"] = f"127.0.0.1:{free_port}"
    neighbour(b"HTTP/1.1 404 Not Found\r\n\r\n")
    ok, message = checks(checked, exit_code=1)["metrics"]
    assert not ok
    assert "is in use by another program" in message


def test_a_running_fshunt_is_recognized_by_its_health(checked, free_port, neighbour):
    checked.env |= {"FSHUNT_HTTP_LISTEN": f"127.0.0.1:{free_port}", "FSHUNT_LISTEN": "127.0.0.1:0"}
    neighbour(b'HTTP/1.1 200 OK\r\n\r\n{"ok": true, "takes_calls": true}')
    assert checks(checked)["metrics"] == (True, f"A running fshunt listens on 127.0.0.1:{free_port}.")


@contextmanager
def event_socket(password: bytes):
    """FreeSWITCH's event socket, as far as its login goes; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def let_in() -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"Content-Type: auth/request\n\n")
                right = lines.readline() == b"auth " + password + b"\n"
                reply = b"+OK accepted" if right else b"-ERR invalid"
                connection.sendall(b"Content-Type: command/reply\nReply-Text: " + reply + b"\n\n")

        thread = threading.Thread(target=let_in, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


@pytest.fixture
def password_file(tmp_path):
    file = tmp_path / "event_socket"
    file.write_text("s3cret\n")
    file.chmod(0o600)
    return file


def test_a_switch_that_lets_us_in_is_well(checked, password_file):
    with event_socket(b"s3cret") as port:
        checked.env["FSHUNT_SWITCH"] = f"127.0.0.1:{port}={password_file}"
        assert checks(checked)[f"switch 127.0.0.1:{port}"] == (True, "It accepts the connection.")


def test_a_switch_that_refuses_the_password_is_wrong(checked, password_file):
    with event_socket(b"another") as port:
        checked.env["FSHUNT_SWITCH"] = f"127.0.0.1:{port}={password_file}"
        ok, message = checks(checked, exit_code=1)[f"switch 127.0.0.1:{port}"]
    assert not ok
    assert message == (
        f"FreeSWITCH at 127.0.0.1:{port} refuses the event socket's password: on its host, `fshunt setup` writes the "
        "one of its event_socket.conf.xml into our password file."
    )


def test_a_switch_that_is_not_there_is_wrong(checked, password_file, free_port):
    checked.env["FSHUNT_SWITCH"] = f"127.0.0.1:{free_port}={password_file}"
    ok, message = checks(checked, exit_code=1)[f"switch 127.0.0.1:{free_port}"]
    assert not ok
    assert "cannot be reached" in message


def test_a_password_file_that_is_missing_or_has_the_shipped_password_is_wrong(checked, password_file):
    checked.env["FSHUNT_SWITCH"] = f"127.0.0.1:8021={password_file}"
    password_file.write_text("ClueCon\n")
    ok, message = checks(checked, exit_code=1)["switch 127.0.0.1:8021"]
    assert not ok
    assert "which fshunt refuses" in message
    password_file.unlink()
    ok, message = checks(checked, exit_code=1)["switch 127.0.0.1:8021"]
    assert not ok
    assert message.startswith(f"The file {password_file}")


def test_the_switches_are_shown_with_their_password_files(checked, password_file, free_port):
    checked.env["FSHUNT_SWITCH"] = f"127.0.0.1:{free_port}={password_file}"
    result = checked.invoke("config", "check")
    assert f"127.0.0.1:{free_port}={password_file}" in result.stdout
    assert "s3cret" not in result.output


def test_an_address_of_another_machine_is_wrong(checked):
    checked.env |= {"FSHUNT_LISTEN": "192.0.2.77:8084", "FSHUNT_ALLOWED_PEERS": "192.0.2.1"}
    ok, message = checks(checked, exit_code=1)["listen"]
    assert not ok
    assert message == "This host has no address 192.0.2.77: set `listen` to one of its addresses."


def test_a_name_that_nobody_knows_is_wrong(checked):
    checked.env |= {"FSHUNT_LISTEN": "no-such-host.invalid:8084", "FSHUNT_ALLOWED_PEERS": "192.0.2.1"}
    assert not checks(checked, exit_code=1)["listen"][0]


def test_warnings_of_groups_are_shown(checked):
    checked.run("group", "add", "6000", "--on-busy", "transfer:6001")
    checked.run("group", "add", "6001", "--on-busy", "transfer:6000")
    ok, message = checks(checked)["groups"]
    assert ok
    assert "Group 6000 has no members" in message
    assert "Callers of group 6000 can overflow back into it (6000 to 6001 to 6000)" in message


def test_a_password_in_a_file_that_everybody_can_read_is_warned_of(checked, tmp_path):
    del checked.env["FSHUNT_DATABASE_URL"]
    file = tmp_path / "fshunt.toml"
    file.write_text('database_url = "postgresql://fshunt:s3cret@127.0.0.1:1/fshunt"\n')
    file.chmod(0o644)
    result = checked.invoke("config", "check")
    assert result.exit_code == 1
    assert f"Warning: {file} holds the database's password and is world-readable" in result.stderr
    assert "s3cret" not in result.output
    assert "postgresql://fshunt:***@127.0.0.1:1/fshunt" in result.stdout


def test_settings_with_which_the_web_pages_could_not_start_are_told(checked):
    checked.env["FSHUNT_WEB_LISTEN"] = "0.0.0.0:8090"
    ok, message = checks(checked, exit_code=1)["web pages"]
    assert not ok
    assert "`web_trusted_proxies`" in message


def test_a_daemon_of_this_host_on_another_database_is_told(office, free_port, neighbour):
    office.env["FSHUNT_HTTP_LISTEN"] = f"127.0.0.1:{free_port}"
    neighbour(b'HTTP/1.1 200 OK\r\n\r\n{"takes_calls": true, "database": {"id": "0000000000000000"}}')
    ok, message = checks(office, exit_code=1)["daemon's database"]
    assert not ok
    assert message.startswith(f"The daemon at 127.0.0.1:{free_port} uses another database than this command, so no ")
    assert message.endswith("reads the settings file as the daemon does.")


def test_a_file_that_the_daemons_user_does_not_own_is_told(tmp_path):
    file = tmp_path / "fshunt.db"
    file.touch()
    settings, mine = Settings(database_url=f"sqlite:///{file}"), os.getuid()
    (found,) = checks_module.check_owner(settings, User("fshunt", mine + 1, 0))
    assert not found.ok
    assert found.message.startswith(f"{file} belongs to another user than fshunt, as whom the daemon runs.")
    assert found.message.endswith(f"Run `chown fshunt:fshunt {file}`.")
    assert checks_module.check_owner(settings, User("fshunt", mine, 0)) == []
    assert checks_module.check_owner(settings, None) == []
