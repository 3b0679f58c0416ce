"""The `[[switch]]` tables, and the files with the event sockets' passwords."""

import os
from pathlib import Path

import pytest

from fshunt.settings import SettingsError, WatchedSwitch, load

TABLES = """
[[switch]]
host = "127.0.0.1"
password_file = "/etc/fshunt/local"

[[switch]]
host = "fs2.example.com"
port = 8022
password_file = "/etc/fshunt/second"

[[switch]]
host = "2001:db8::1"
password_file = "/etc/fshunt/third"
"""


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> Path:
        file = tmp_path / "fshunt.toml"
        file.write_text(text)
        return file

    return write


@pytest.fixture
def password_file(tmp_path):
    def write(text: str | bytes) -> Path:
        file = tmp_path / "password"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(0o600)
        return file

    return write


def refusal(file: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(file, environ or {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_tables_are_read_in_their_order(write):
    found = load(write(TABLES), {}).settings.switch
    assert found == (
        WatchedSwitch("127.0.0.1", 8021, Path("/etc/fshunt/local")),
        WatchedSwitch("fs2.example.com", 8022, Path("/etc/fshunt/second")),
        WatchedSwitch("2001:db8::1", 8021, Path("/etc/fshunt/third")),
    )
    assert [switch.name for switch in found] == ["127.0.0.1:8021", "fs2.example.com:8022", "[2001:db8::1]:8021"]


def test_the_variable_is_over_the_tables(write):
    found = load(write(TABLES), {"FSHUNT_SWITCH": "fs3:8021=/run/fs=3"}).settings.switch
    assert found == (WatchedSwitch("fs3", 8021, Path("/run/fs=3")),)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('host = "fs1"', "`switch` has a table without `password_file`."),
        ("port = 8021", "`switch` has a table without `host` and `password_file`."),
        (
            'host = "fs1"\npasword_file = "/x"',
            "`switch` has a table with the unknown key `pasword_file` (did you mean `password_file`?).",
        ),
        (
            'host = "fs1"\nport = 0\npassword_file = "/x"',
            "`switch` must have a port from 1 to 65535, not 0.",
        ),
        (
            'host = "fs1"\nport = "8021"\npassword_file = "/x"',
            "`switch` must have a port from 1 to 65535, not '8021'.",
        ),
        (
            'host = "fs1:8021"\npassword_file = "/x"',
            "`switch` must have a name or an IP address as `host`, not 'fs1:8021'.",
        ),
        ('host = 1\npassword_file = "/x"', "`switch` must be a text in quotes, not 1."),
        (
            'host = "fs1"\npassword_file = "fs1.password"',
            "`switch` must be an absolute path, not 'fs1.password'.",
        ),
    ],
)
def test_a_wrong_table_is_reported_in_a_sentence(table, problem, write):
    file = write(f"[[switch]]\n{table}")
    assert refusal(file) == f"{file}: {problem}"


def test_a_password_among_the_settings_is_refused_and_not_repeated(write):
    sentence = refusal(write('[[switch]]\nhost = "fs1"\npassword = "s3cret"'))
    assert "takes no `password`: write the password into a file of its own" in sentence
    assert "s3cret" not in sentence


@pytest.mark.parametrize("text", ['switch = "fs1"', "switch = [1]", "switch = [['a']]"])
def test_other_values_than_tables_are_reported(text, write):
    assert "must be [[switch]] tables with `host`, `port` and `password_file`" in refusal(write(text))


def test_a_missing_bracket_is_reported(write):
    assert "two brackets" in refusal(write('[switch]\nhost = "fs1"'))


@pytest.mark.parametrize("said", ["fs1:8021", "fs1=/x", "fs1:0=/x", "fs1:8021=x", "s3cret"])
def test_a_wrong_variable_is_reported(said, write):
    assert refusal(write(""), {"FSHUNT_SWITCH": said}).startswith("environment: `FSHUNT_SWITCH` must ")


@pytest.mark.parametrize("dial", ["sofia/internal/{user}@10.0.0.2:5060", "sofia/gateway/second/{user}"])
def test_a_route_to_a_switch_names_the_extension(dial, write):
    (found,) = load(write(f'[[switch]]\nhost = "fs1"\npassword_file = "/x"\ndial = "{dial}"'), {}).settings.switch
    assert found.endpoint("1001", "pbx.test") == dial.replace("{user}", "1001")
    assert WatchedSwitch("fs1", 8021, Path("/x")).endpoint("1001", "pbx.test") is None


def test_a_route_may_name_the_domain():
    switch = WatchedSwitch("fs1", 8021, Path("/x"), "sofia/internal/{user}@{domain}")
    assert switch.endpoint("1001", "pbx.test") == "sofia/internal/1001@pbx.test"


@pytest.mark.parametrize(
    "dial",
    [
        "sofia/gateway/second/1001",
        "{user}",
        "sofia/gateway/second/{user},{user}",
        "[a=b]sofia/x/{user}",
        "sofia/x/{name}{user}",
    ],
)
def test_a_route_that_would_change_the_dial_string_is_refused(dial, write):
    sentence = refusal(write(f'[[switch]]\nhost = "fs1"\npassword_file = "/x"\ndial = "{dial}"'))
    assert "must have a `dial` such as" in sentence


def test_a_switch_is_watched_once(write):
    sentence = refusal(write(""), {"FSHUNT_SWITCH": "fs1:8021=/a,FS1:8021=/b"})
    assert sentence == "environment: `FSHUNT_SWITCH` names FS1:8021 twice."


def watched(file: Path) -> WatchedSwitch:
    return WatchedSwitch("127.0.0.1", 8021, file)


@pytest.mark.parametrize("text", ["s3cret pw", "s3cret pw\n", "s3cret pw\r\n"])
def test_the_password_is_the_files_one_line(text, password_file):
    assert watched(password_file(text)).password() == "s3cret pw"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty."),
        ("\n", "is empty."),
        ("s3cret\n\n", "alone, in one line."),
        ("s3cret\nexit\n", "alone, in one line."),
        ("s3cret\x00", "alone, in one line."),
        ("s3cret" * 1000, "alone, in one line."),
        (b"s3cret\xff", "is not in UTF-8."),
        ("ClueCon\n", "and in this file."),
    ],
)
def test_what_is_no_password_is_refused_and_not_repeated(text, problem, password_file):
    file = password_file(text)
    with pytest.raises(SettingsError) as caught:
        watched(file).password()
    sentence = str(caught.value)
    assert str(file) in sentence
    assert "127.0.0.1:8021" in sentence
    assert sentence.endswith(problem)
    assert "s3cret" not in sentence
    assert "ClueCon" not in sentence


def test_freeswitchs_shipped_password_is_refused(password_file):
    with pytest.raises(SettingsError, match="which fshunt refuses"):
        watched(password_file("ClueCon")).password()


def test_a_missing_password_file_is_reported(tmp_path):
    with pytest.raises(SettingsError, match="does not exist"):
        watched(tmp_path / "none").password()
    with pytest.raises(SettingsError, match="is not a file"):
        watched(tmp_path).password()
    os.mkfifo(tmp_path / "pipe")  # opening it would wait forever
    with pytest.raises(SettingsError, match="is not a file"):
        watched(tmp_path / "pipe").password()


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_an_unreadable_password_file_is_reported(password_file):
    file = password_file("s3cret")
    file.chmod(0)
    with pytest.raises(SettingsError, match="cannot be read: Permission denied"):
        watched(file).password()


def test_a_password_file_that_everybody_can_read_is_warned_of(write, password_file):
    file = password_file("s3cret")
    loaded = load(write(""), {"FSHUNT_SWITCH": f"127.0.0.1:8021={file}"})
    assert loaded.warnings() == []
    file.chmod(0o644)
    assert loaded.warnings() == [
        f"{file} holds an event socket's password and is world-readable: run `chmod o-r {file}`."
    ]
    file.unlink()
    assert loaded.warnings() == []


def test_the_password_is_in_no_representation(password_file):
    switch = watched(password_file("s3cret"))
    switch.password()
    assert "s3cret" not in repr(switch) + str(switch)
