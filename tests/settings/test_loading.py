import ipaddress
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from fshunt.hunting.gateways import CallerIn, Gateway
from fshunt.settings import ROWS, Address, Settings, SettingsError, WatchedSwitch, hide_password, load, loading
from fshunt.settings.loading import DEFAULT_FILE


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes) -> Path:
        file = tmp_path / "fshunt.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def refusal(config=None, environ=None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(config, environ or {})
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_without_a_file_and_variables_all_is_default(monkeypatch, tmp_path):
    monkeypatch.setattr("fshunt.settings.loading.DEFAULT_FILE", tmp_path / "none.toml")
    loaded = load(None, {})
    assert loaded.settings == Settings()
    assert loaded.file is None
    assert set(loaded.sources.values()) == {"default"}
    assert Path("/etc/fshunt/fshunt.toml") == DEFAULT_FILE


def test_the_default_file_is_read_where_it_exists(monkeypatch, write):
    monkeypatch.setattr("fshunt.settings.loading.DEFAULT_FILE", write("seconds_per_ring = 5"))
    assert load(None, {}).settings.seconds_per_ring == 5.0


def test_the_environment_is_over_the_file_and_the_file_over_the_default(write):
    file = write('default_domain = "pbx.test"\nseconds_per_ring = 5')
    loaded = load(file, {"FSHUNT_SECONDS_PER_RING": "4.5"})
    assert (loaded.settings.default_domain, loaded.settings.seconds_per_ring) == ("pbx.test", 4.5)
    assert (loaded.sources["default_domain"], loaded.sources["seconds_per_ring"], loaded.sources["node_name"]) == (
        "file",
        "environment",
        "default",
    )


def test_fshunt_config_names_the_file_and_config_is_over_it(write, tmp_path):
    file = write("max_calls = 7")
    assert load(None, {"FSHUNT_CONFIG": str(file)}).settings.max_calls == 7
    assert load(file, {"FSHUNT_CONFIG": str(tmp_path / "no.toml")}).settings.max_calls == 7


def test_a_named_file_that_is_missing_is_an_error_but_not_the_default_one(tmp_path):
    missing = tmp_path / "no.toml"
    assert refusal(missing) == f"The settings file {missing} does not exist."
    assert refusal(None, {"FSHUNT_CONFIG": str(missing)}) == f"The settings file {missing} does not exist."


EVERY_SETTING = {
    "database_url": ("postgresql://f:s3cret@db/fshunt", "postgresql://f:s3cret@db/fshunt"),
    "database_password_file": ("/etc/fshunt/database_password", "/etc/fshunt/database_password"),
    "default_domain": ("pbx.test", "pbx.test"),
    "keep_calls_days": ("90", 90),
    "keep_changes_days": ("730", 730),
    "session_idle_minutes": ("15", 15),
    "session_hours": ("8", 8),
    "shared_members": ("a.test, b.test", ("a.test", "b.test")),
    "seconds_per_ring": ("4", 4.0),
    "dead_phone_seconds": ("3", 3.0),
    "external_setup_seconds": ("20", 20.0),
    "listen": ("[::1]:9000", Address("::1", 9000)),
    "allowed_peers": (
        "192.0.2.1,2001:db8::/32",
        (ipaddress.ip_network("192.0.2.1/32"), ipaddress.ip_network("2001:db8::/32")),
    ),
    "http_listen": ("none", None),
    "http_allowed_peers": ("192.0.2.0/24", (ipaddress.ip_network("192.0.2.0/24"),)),
    "switch": (
        "127.0.0.1:8021=/etc/fshunt/a, [::1]:8022=/etc/fshunt/b",
        (WatchedSwitch("127.0.0.1", 8021, Path("/etc/fshunt/a")), WatchedSwitch("::1", 8022, Path("/etc/fshunt/b"))),
    ),
    "gateway": (
        "carrier:+14155559999:diversion, second:inband_dtmf",
        (Gateway("carrier", "+14155559999", CallerIn.DIVERSION), Gateway("second", inband_dtmf=True)),
    ),
    "max_calls": ("20", 20),
    "stop_timeout": ("0", 0.0),
    "voicemail_profile": ("office", "office"),
    "confirm_prompt": ("ivr/press_1.wav", "ivr/press_1.wav"),
    "position_prompt": ("queue/position.wav", "queue/position.wav"),
    "wait_prompt": ("queue/wait.wav", "queue/wait.wav"),
    "keys_prompt": ("queue/keys.wav", "queue/keys.wav"),
    "callback_allowed": ("+4930*, 5551234", ("+4930*", "5551234")),
    "callback_prompt": ("queue/back.wav", "queue/back.wav"),
    "say_language": ("de", "de"),
    "wait_for_phone_seconds": ("8", 8.0),
    "late_phones": ("next-stage", "next-stage"),
    "lamps": ("off", "off"),
    "confirm_timeout": ("7.5", 7.5),
    "block_code": ("*99", "*99"),
    "unblock_code": ("#99", "#99"),
    "state_code": ("*0*", "*0*"),
    "close_code": ("none", None),
    "open_code": ("*77", "*77"),
    "feature_sounds": ("/var/lib/sounds/codes", "/var/lib/sounds/codes"),
    "transfer_context": ("public", "public"),
    "log_level": ("debug", "debug"),
    "log_format": ("json", "json"),
    "node_name": ("pbx-1", "pbx-1"),
    "database_timeout": ("0.25", 0.25),
    "outbox_dir": ("/var/spool/fshunt", "/var/spool/fshunt"),
    "claim_audit_file": ("/var/lib/fshunt/claims.jsonl", "/var/lib/fshunt/claims.jsonl"),
    "fallback_box": ("1000", "1000"),
    "web_listen": ("127.0.0.1:9090", Address("127.0.0.1", 9090)),
    "web_url": ("https://hunt.example.com", "https://hunt.example.com"),
    "web_tls_cert": ("/etc/ssl/hunt.pem", "/etc/ssl/hunt.pem"),
    "web_tls_key": ("/etc/ssl/private/hunt.key", "/etc/ssl/private/hunt.key"),
    "web_trusted_proxies": ("127.0.0.1", (ipaddress.ip_network("127.0.0.1"),)),
    "smtp_host": ("mail.example.com", "mail.example.com"),
    "smtp_port": ("2525", 2525),
    "smtp_tls": ("tls", "tls"),
    "smtp_user": ("fshunt@example.com", "fshunt@example.com"),
    "smtp_password_file": ("/etc/fshunt/smtp_password", "/etc/fshunt/smtp_password"),
    "smtp_from": ("fshunt@example.com", "fshunt@example.com"),
    "webhook_allowed_networks": ("10.0.5.0/24", (ipaddress.ip_network("10.0.5.0/24"),)),
    "controllers": ("127.0.0.1:8084,10.0.0.2:8084", (Address("127.0.0.1", 8084), Address("10.0.0.2", 8084))),
}


GO_ALONE = sorted(set(EVERY_SETTING) - {"database_password_file", "smtp_user", "smtp_password_file"})
"""Settings that need no other one; the files of passwords are tried below, with what they go with."""


def test_every_setting_is_tried_here():
    assert set(EVERY_SETTING) == set(ROWS)


@pytest.mark.parametrize("name", GO_ALONE)
def test_each_setting_can_be_an_environment_variable(name, write):
    said, value = EVERY_SETTING[name]
    loaded = load(write(""), {f"FSHUNT_{name.upper()}": said})
    assert getattr(loaded.settings, name) == value
    assert loaded.sources[name] == "environment"


@pytest.mark.parametrize("name", GO_ALONE)
def test_what_is_shown_of_a_setting_can_be_written_into_a_file(name, write):
    said, value = EVERY_SETTING[name]
    shown = ROWS[name].kind.show(value) if name != "database_url" else said
    assert getattr(load(write(f"{name} = {shown!r}"), {}).settings, name) == value


@pytest.mark.parametrize("name", sorted(EVERY_SETTING))
def test_a_value_of_a_wrong_type_names_the_key_and_the_file(name, write):
    file = write(f"{name} = {{ a = 1 }}")
    assert refusal(file).startswith(f"{file}: `{name}` must be ")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("dead_phone_seconds = 0.1", "`dead_phone_seconds` must be seconds from 0.5 to 60, not 0.1."),
        ("seconds_per_ring = 0", "`seconds_per_ring` must be seconds from 0.1 to 60, not 0."),
        ("seconds_per_ring = nan", "`seconds_per_ring` must be seconds from 0.1 to 60, not nan."),
        ('seconds_per_ring = "6"', "`seconds_per_ring` must be seconds from 0.1 to 60, not '6'."),
        ("max_calls = true", "`max_calls` must be a whole number from 1 to 100000, not True."),
        ("max_calls = 2.5", "`max_calls` must be a whole number from 1 to 100000, not 2.5."),
        ('listen = "8084"', "`listen` must be ADDRESS:PORT such as 127.0.0.1:8084, not '8084'."),
        ('listen = "::1:8084"', "`listen` must be ADDRESS:PORT such as 127.0.0.1:8084, not '::1:8084'."),
        ('listen = "127.0.0.1:70000"', "`listen` must have a port from 0 to 65535, not 70000."),
        ('controllers = ["a:0"]', "`controllers` must have a port from 1 to 65535, not 0."),
        (
            'controllers = ["[::1]:84"]',
            "`controllers` must be HOST:PORT with a name or an IPv4 address, not '[::1]:84'.",
        ),
        (
            'allowed_peers = ["pbx"]',
            "`allowed_peers` must be IP addresses or networks such as 192.0.2.0/24, not 'pbx'.",
        ),
        (
            'log_level = "inf"',
            "`log_level` must be one of debug, info, warning, error, not 'inf' (did you mean `info`?).",
        ),
        ('smtp_host = "mail:25 x"', "`smtp_host` must be a host such as mail.example.com, without a port, not "),
        ('smtp_user = "a\\nb"', "`smtp_user` must be up to 256 characters in one line, not "),
        ('smtp_tls = "ssl"', "`smtp_tls` must be one of starttls, tls, none, not 'ssl'"),
        ('smtp_from = "fshunt"', "`smtp_from`: 'fshunt' is not a mail address: use one such as sales@example.com."),
        ('node_name = "a b"', "`node_name` must be up to 64 letters, digits, '_', '.' or '-', not 'a b'."),
        (
            'default_domain = "a b"',
            "`default_domain`: 'a b' is not a domain: letters, digits, '.' and '-', as in pbx.example.com.",
        ),
        (
            'confirm_prompt = "$${x}"',
            "`confirm_prompt`: '$${x}' is not a sound to play: a sound file, or a tone_stream, ",
        ),
    ],
)
def test_a_wrong_value_is_reported_in_a_sentence(line, problem, write):
    file = write(line)
    assert refusal(file).startswith(f"{file}: {problem}")


def test_a_wrong_value_of_a_variable_names_the_variable(write):
    sentence = refusal(write(""), {"FSHUNT_SECONDS_PER_RING": "six"})
    assert sentence == "environment: `FSHUNT_SECONDS_PER_RING` must be seconds from 0.1 to 60, not 'six'."


def test_a_misspelt_key_names_the_nearest_right_one(write):
    file = write('databse_url = "sqlite:///x"')
    assert refusal(file) == f"{file}: `databse_url` is not a setting (did you mean `database_url`?)."


def test_a_key_that_is_like_no_setting_is_refused_without_a_guess(write):
    file = write("[colours]\nsky = 1")
    assert refusal(file) == f"{file}: `colours` is not a setting."


def test_a_misspelt_variable_names_the_nearest_right_one(write):
    sentence = refusal(write(""), {"FSHUNT_DATABSE_URL": "sqlite:///x"})
    assert sentence == (
        "The environment variable `FSHUNT_DATABSE_URL` is not a setting of fshunt"
        " (did you mean `FSHUNT_DATABASE_URL`?)."
    )


def test_a_variable_in_small_letters_is_misspelt(write):
    assert "(did you mean `FSHUNT_DEFAULT_DOMAIN`?)" in refusal(write(""), {"FSHUNT_domain": "pbx.test"})


def test_variables_of_others_and_empty_ones_set_nothing(write):
    environ = {"PATH": "/bin", "FSHUNT_DEFAULT_DOMAIN": "", "FSHUNT_DEBUG": "1", "FSHUNT_LIVE_FREESWITCH": "/usr"}
    assert set(load(write(""), environ).sources.values()) == {"default"}


@pytest.mark.parametrize("text", ["default_domain = ", "= 1", b"default_domain = '\xff'", "a = 1\na = 2"])
def test_a_broken_file_is_reported_in_a_sentence(text, write):
    file = write(text)
    assert refusal(file).startswith(f"The settings file {file} ")


def test_a_folder_is_no_settings_file(tmp_path):
    assert refusal(tmp_path) == f"The settings file {tmp_path} cannot be read: Is a directory."


def test_an_address_that_others_reach_needs_allowed_peers(write):
    sentence = refusal(write('listen = "0.0.0.0:8084"'))
    assert "set `allowed_peers`" in sentence
    peers = load(write('listen = "0.0.0.0:8084"\nallowed_peers = ["192.0.2.7"]'), {}).settings
    assert peers.listen == Address("0.0.0.0", 8084)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost"])
def test_loopback_needs_no_allowed_peers(host, write):
    assert load(write(f'listen = "{host}:8084"'), {}).settings.allowed_peers == ()


@pytest.mark.parametrize("host", ["192.0.2.1", "[::]", "pbx.example.com"])
def test_listening_on_another_address_is_checked_again(host):
    address = Address(host.strip("[]"), 8084)
    with pytest.raises(SettingsError, match="allowed_peers"):
        Settings().listening_on(address)


def test_metrics_that_others_reach_need_metrics_peers(write):
    sentence = refusal(write('http_listen = "0.0.0.0:8085"'))
    assert "set `http_allowed_peers`" in sentence
    said = load(write('http_listen = "0.0.0.0:8085"\nhttp_allowed_peers = ["192.0.2.7"]'), {}).settings
    assert said.http_listen == Address("0.0.0.0", 8085)


@pytest.mark.parametrize("said", ["", "none"])
def test_metrics_can_be_switched_off(said, write):
    assert load(write(f'http_listen = "{said}"'), {}).settings.http_listen is None


def test_the_default_port_of_metrics_is_none_of_the_shipped_dialplans():
    dialplan = (Path(__file__).parents[2] / "freeswitch-conf/dialplan/fshunt.xml").read_text()
    ports = re.findall(r"127\.0\.0\.1:(\d+)", dialplan)
    assert len(ports) == 2
    assert str(Settings().http_listen.port) not in ports


def test_metrics_and_calls_need_a_port_each(write):
    assert "set one of them to another port" in refusal(write('http_listen = "127.0.0.1:8084"'))
    with pytest.raises(SettingsError, match="another port"):
        Settings().listening_on(Address("127.0.0.1", 9084))
    any_port = {"FSHUNT_LISTEN": "127.0.0.1:0", "FSHUNT_HTTP_LISTEN": "127.0.0.1:0"}
    assert load(write(""), any_port).settings.http_listen == Address("127.0.0.1", 0)


def test_the_user_of_the_mail_server_has_a_password_which_is_never_sent_in_the_clear(write, tmp_path):
    (tmp_path / "password").write_text("secret")
    user, file = 'smtp_user = "fshunt"', f'smtp_password_file = "{tmp_path / "password"}"'
    assert "go together" in refusal(write(user))
    assert "go together" in refusal(write(file))
    assert "A password is not sent in the clear" in refusal(write(f'{user}\n{file}\nsmtp_tls = "none"'))
    (tmp_path / "password").chmod(0o644)
    loaded = load(write(f"{user}\n{file}"), {})
    assert any("mail server's password and is world-readable" in each for each in loaded.warnings())
    (tmp_path / "password").chmod(0o600)
    assert not any("mail server" in each for each in loaded.warnings())


def test_the_node_is_by_default_the_host_and_the_port(monkeypatch, write):
    monkeypatch.setattr("socket.gethostname", lambda: "pbx one.example")
    assert Settings().node_name == "pbx-one.example-8084"
    assert load(write('listen = "127.0.0.1:9000"'), {}).settings.node_name == "pbx-one.example-9000"
    assert Settings().listening_on(Address("127.0.0.1", 9001)).node_name == "pbx-one.example-9001"
    monkeypatch.setattr("socket.gethostname", lambda: "h" * 200)
    assert Settings().node_name == "h" * 59 + "-8084"


def test_a_configured_node_name_stays_when_it_listens_elsewhere(write):
    said = load(write('node_name = "first"\ncontrollers = ["192.0.2.1:8084"]'), {}).settings
    elsewhere = said.listening_on(Address("127.0.0.1", 9001))
    assert (elsewhere.node_name, elsewhere.controllers) == ("first", (Address("192.0.2.1", 8084),))


def test_the_controllers_are_by_default_where_the_daemon_listens(write):
    assert Settings().controllers == (Address("127.0.0.1", 8084),)
    assert Settings().listening_on(Address("127.0.0.1", 9001)).controllers == (Address("127.0.0.1", 9001),)
    every = load(write('listen = "0.0.0.0:9000"\nallowed_peers = ["192.0.2.7"]'), {}).settings
    assert every.controllers == (Address("127.0.0.1", 9000),)


@given(st.sampled_from(["0.0.0.0", "127.0.0.1", "::1", "::", "pbx.example.com"]), st.integers(0, 65535))
def test_an_address_reads_back_what_it_shows(host, port):
    address = Address(host, port)
    assert ROWS["listen"].kind.check(str(address)) == address


SECRET_URLS = [
    "postgresql://fshunt:s3cret@db/fshunt",
    "postgresql+psycopg://db/fshunt?user=fshunt&password=s3cret",
    "postgresql://db/fshunt?sslpassword=s3cret",
]


@pytest.mark.parametrize("url", SECRET_URLS)
def test_the_password_is_shown_nowhere(url, write):
    loaded = load(write(f'database_url = "{url}"'), {})
    assert loaded.settings.database_url == url
    for shown in (repr(loaded), str(loaded.settings), hide_password(url)):
        assert "s3cret" not in shown


@pytest.mark.parametrize(
    "url", ["postgresql//f:s3cret@db/x", "postgresql://f:s3cret@db:port/x", "nosuchdb://f:s3cret@db/x"]
)
def test_a_broken_url_is_refused_without_showing_it(url, write):
    sentence = refusal(write(f'database_url = "{url}"'))
    assert "`database_url` must be a SQLAlchemy URL" in sentence
    assert "s3cret" not in sentence


@pytest.mark.parametrize("url", SECRET_URLS)
def test_a_file_with_a_password_that_everybody_can_read_is_warned_of(url, write):
    file = write(f'database_url = "{url}"')
    file.chmod(0o644)
    assert load(file, {}).warnings() == [
        f"{file} holds the database's password and is world-readable: run `chmod o-r {file}`."
    ]
    file.chmod(0o640)
    assert load(file, {}).warnings() == []


def test_a_readable_file_without_a_password_is_no_danger(write):
    file = write('database_url = "postgresql://fshunt@db/fshunt"')
    file.chmod(0o644)
    assert load(file, {}).warnings() == []
    assert load(file, {"FSHUNT_DATABASE_URL": SECRET_URLS[0]}).warnings() == []


@pytest.fixture
def password_file(tmp_path):
    file = tmp_path / "database_password"
    file.write_text("s3cret/@:%\n")
    file.chmod(0o640)
    return file


def test_the_password_of_the_database_comes_from_its_file(write, password_file):
    file = write(f'database_url = "postgresql://fshunt@db/fshunt"\ndatabase_password_file = "{password_file}"')
    file.chmod(0o644)
    loaded = load(file, {})
    assert make_url(loaded.settings.database_url).password == "s3cret/@:%"
    assert hide_password(loaded.settings.database_url) == "postgresql://fshunt:***@db/fshunt"
    assert "s3cret" not in repr(loaded)
    assert loaded.warnings() == []


def test_a_world_readable_password_file_is_refused(write, password_file):
    password_file.chmod(0o644)
    sentence = refusal(write(f'database_url = "postgresql://db/x"\ndatabase_password_file = "{password_file}"'))
    assert sentence.endswith(f"is world-readable, which fshunt refuses: run `chmod o-r {password_file}`.")


@pytest.mark.parametrize("content", ["", "\n", "two\nlines\n", "x" * 2000])
def test_a_password_file_has_one_line(write, password_file, content):
    password_file.write_text(content)
    sentence = refusal(write(f'database_url = "postgresql://db/x"\ndatabase_password_file = "{password_file}"'))
    assert sentence.startswith(f"The file {password_file} ")
    assert "xxx" not in sentence


def test_a_missing_password_file_is_an_error(write):
    sentence = refusal(write('database_url = "postgresql://db/x"\ndatabase_password_file = "/no/such"'))
    assert sentence == "The file /no/such for the database's password does not exist."


@pytest.mark.parametrize("url", ["sqlite:////tmp/a.db", SECRET_URLS[0]])
def test_a_password_file_goes_with_a_server_and_no_other_password(write, password_file, url):
    sentence = refusal(write(f'database_url = "{url}"\ndatabase_password_file = "{password_file}"'))
    assert "goes with a `database_url` of PostgreSQL without a password" in sentence
    assert "s3cret" not in sentence


def test_the_password_of_the_files_database_is_not_sent_to_another(write, password_file):
    file = write(f'database_url = "postgresql://db/x"\ndatabase_password_file = "{password_file}"')
    other = "postgresql://elsewhere/x"
    assert load(file, {"FSHUNT_DATABASE_URL": other}).settings.database_url == other
    both = {"FSHUNT_DATABASE_URL": other, "FSHUNT_DATABASE_PASSWORD_FILE": str(password_file)}
    used = load(file, both).settings.database_url
    assert (make_url(used).host, make_url(used).query["password"]) == ("elsewhere", "s3cret/@:%")
    assert "s3cret" not in hide_password(used)


def test_another_database_in_the_environment_is_told_without_its_password(write):
    file = write('database_url = "postgresql://db/x"')
    assert load(file, {}).other_database() is None
    assert load(file, {"FSHUNT_DATABASE_URL": "postgresql://db/x"}).other_database() is None
    assert load(file, {"FSHUNT_DATABASE_URL": "postgresql://fshunt:s3cret@other/x"}).other_database() == (
        "FSHUNT_DATABASE_URL is set: this uses the database postgresql://fshunt:***@other/x, not the `database_url` "
        f"of {file}."
    )


def test_another_than_the_usual_database_is_told_where_that_is(write, monkeypatch):
    environment = {"FSHUNT_DATABASE_URL": "sqlite:////srv/other.db"}
    for named in (None, write("listen = '127.0.0.1:8084'")):
        monkeypatch.setattr(loading, "_is_there", lambda _file: False)
        assert load(named, environment).other_database() is None, "a container has no other one"
        monkeypatch.setattr(loading, "_is_there", lambda _file: True)
        assert load(named, environment).other_database() == (
            "FSHUNT_DATABASE_URL is set: this uses the database sqlite:////srv/other.db, not the usual one, "
            "sqlite:////var/lib/fshunt/fshunt.db."
        )
        assert load(named, {}).other_database() is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_an_unreadable_file_is_reported(write):
    file = write("")
    file.chmod(0)
    assert refusal(file) == f"The settings file {file} cannot be read: Permission denied."


@pytest.mark.parametrize("listen", ["0.0.0.0:8090", "192.0.2.1:8090", "[::]:8090", "pbx.example.com:8090"])
def test_web_pages_off_loopback_need_tls_or_a_proxy(listen):
    said = {"FSHUNT_WEB_LISTEN": listen}
    with pytest.raises(SettingsError, match="set `web_tls_cert` and `web_tls_key`, or `web_trusted_proxies`"):
        load(None, said).settings.check_web()
    load(None, {**said, "FSHUNT_WEB_TRUSTED_PROXIES": "192.0.2.7, 2001:db8::/32"}).settings.check_web()
    tls = {"FSHUNT_WEB_TLS_CERT": "/etc/ssl/a.pem", "FSHUNT_WEB_TLS_KEY": "/etc/ssl/a.key"}
    load(None, {**said, **tls}).settings.check_web()


@pytest.mark.parametrize("alone", ["FSHUNT_WEB_TLS_CERT", "FSHUNT_WEB_TLS_KEY"])
def test_a_certificate_and_its_key_go_together(alone):
    with pytest.raises(SettingsError, match="go together"):
        load(None, {alone: "/etc/ssl/a.pem"}).settings.check_web()


@pytest.mark.parametrize(
    ("said", "is_now"),
    [
        ("https://Hunt.example.com", "https://hunt.example.com"),
        ("https://hunt.example.com:8443/", "https://hunt.example.com:8443"),
        ("http://[::1]:8090", "http://[::1]:8090"),
    ],
)
def test_the_address_of_the_pages_has_a_host_and_no_path(said, is_now):
    assert load(None, {"FSHUNT_WEB_URL": said}).settings.web_url == is_now


@pytest.mark.parametrize(
    "said", ["hunt.example.com", "ftp://a", "https://a/b", "https://u:p@a", "https://", "https://a?b", "javascript:a"]
)
def test_what_is_no_address_of_pages_is_refused(said):
    assert "https://fshunt.example.com" in refusal(None, {"FSHUNT_WEB_URL": said})


@pytest.mark.parametrize("said", ["13", "*", "*13a", "*123456789", "block+"])
def test_a_code_that_no_phone_can_dial_is_refused(said):
    assert "is not a feature code" in refusal(None, {"FSHUNT_BLOCK_CODE": said})


def test_codes_of_which_one_begins_with_the_other_are_refused():
    said = refusal(None, {"FSHUNT_OPEN_CODE": "*135"})
    assert said.startswith("`open_code` is `block_code`, or begins with it")
    assert refusal(None, {"FSHUNT_STATE_CODE": "*14"}).startswith("`state_code` is `unblock_code`, or begins with it")


@pytest.mark.parametrize("said", ["a b", "${x}", "/a!b", "tone_stream://x"])
def test_what_is_no_folder_of_sounds_is_refused(said):
    assert "is not a folder of sounds" in refusal(None, {"FSHUNT_FEATURE_SOUNDS": said})
