import json
import socket
import threading

import pytest


@pytest.fixture
def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def checked(office, free_port, tmp_path):
    """`fshunt config check` with a file that says where to listen."""
    file = tmp_path / "fshunt.toml"
    file.write_text(f'listen = "127.0.0.1:{free_port}"\nring_cycle = 5\n')
    office.env["FSHUNT_CONFIG"] = str(file)
    return office


def checks(fshunt, exit_code: int = 0) -> dict[str, tuple[bool, str]]:
    result = fshunt.invoke("config", "check", "--json")
    assert result.exit_code == exit_code, result.output
    return {check["name"]: (check["ok"], check["message"]) for check in json.loads(result.stdout)["checks"]}


def test_each_setting_stands_there_with_where_it_comes_from(checked, database_url):
    settings = checked.json("config", "check")["settings"]
    assert settings["ring_cycle"] == {"value": 5.0, "source": "file"}
    assert settings["domain"] == {"value": "pbx.test", "source": "environment"}
    assert settings["max_calls"] == {"value": 1000, "source": "default"}
    lines = [line.split() for line in checked.run("config", "check").stdout.splitlines()]
    assert ["ring_cycle", "5", "file"] in lines
    assert ["domain", "pbx.test", "environment"] in lines


def test_all_is_well(checked, free_port):
    found = checks(checked)
    assert found["database"][0]
    assert found["groups"] == (True, "1 in 1 domain(s).")
    assert found["listen"] == (True, f"127.0.0.1:{free_port} is free.")


def test_a_database_that_is_not_migrated_is_wrong(checked, empty_database_url):
    checked.env["FSHUNT_DATABASE_URL"] = empty_database_url
    found = checks(checked, exit_code=1)
    assert found["database"] == (False, found["database"][1])
    assert "fshunt db upgrade" in found["database"][1]
    assert "groups" not in found
    result = checked.invoke("config", "check")
    assert result.exit_code == 1
    assert "WRONG  database: " in result.stdout


@pytest.fixture
def neighbour(free_port):
    """A program that listens on the port, and says something to whoever comes."""
    listening = socket.create_server(("127.0.0.1", free_port))

    def start(greeting: bytes) -> None:
        def greet() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(greeting)

        threading.Thread(target=greet, daemon=True).start()

    yield start
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def test_a_running_fshunt_is_told_by_its_greeting(checked, neighbour, free_port):
    neighbour(b"connect\n\n")
    assert checks(checked)["listen"] == (True, f"A running fshunt listens on 127.0.0.1:{free_port}.")


def test_a_port_that_another_program_uses_is_wrong(checked, neighbour, free_port):
    neighbour(b"SSH-2.0-OpenSSH\r\n")
    ok, message = checks(checked, exit_code=1)["listen"]
    assert not ok
    assert message.startswith(f"127.0.0.1:{free_port} is in use by another program")


def test_a_fshunt_that_does_not_know_us_may_be_silent(checked, neighbour):
    neighbour(b"")
    checked.env["FSHUNT_ALLOWED_PEERS"] = "192.0.2.1"
    ok, message = checks(checked)["listen"]
    assert ok
    assert "not in `allowed_peers`" in message


def test_an_address_of_another_machine_is_wrong(checked):
    checked.env |= {"FSHUNT_LISTEN": "192.0.2.77:8084", "FSHUNT_ALLOWED_PEERS": "192.0.2.1"}
    ok, message = checks(checked, exit_code=1)["listen"]
    assert not ok
    assert message == "This machine has no address 192.0.2.77: set `listen` to one that it has."


def test_a_name_that_nobody_knows_is_wrong(checked):
    checked.env |= {"FSHUNT_LISTEN": "no-such-host.invalid:8084", "FSHUNT_ALLOWED_PEERS": "192.0.2.1"}
    assert not checks(checked, exit_code=1)["listen"][0]


def test_what_is_doubtful_in_groups_is_told(checked):
    checked.run("group", "add", "6000")
    ok, message = checks(checked)["groups"]
    assert ok
    assert "Group 6000 has no members" in message


def test_a_password_in_a_file_that_everybody_can_read_is_warned_of(checked, tmp_path):
    del checked.env["FSHUNT_DATABASE_URL"]
    file = tmp_path / "fshunt.toml"
    file.write_text('database_url = "postgresql://fshunt:s3cret@127.0.0.1:1/fshunt"\n')
    file.chmod(0o644)
    result = checked.invoke("config", "check")
    assert result.exit_code == 1
    assert f"Warning: {file} holds the database's password and everybody can read it" in result.stderr
    assert "s3cret" not in result.output
    assert "postgresql://fshunt:***@127.0.0.1:1/fshunt" in result.stdout
