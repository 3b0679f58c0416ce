"""The machines of a live test: a FreeSWITCH found on this host, on ports of its own, and the fshunt daemon."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOMAIN = "pbx.test"
ESL_PASSWORD = "live-test-only"
USERS = range(1001, 1021)
NAMES = {"1018": "Ana Müller", "1019": "A|B"}
"""The names that the directory has of users, who make no calls."""
MORE_OF_USERS = {"1016": ' cidr="127.0.0.1/32"', "1017": ' number-alias="2017"'}
"""A user who is known by the address, and one who has a further number."""
FALLBACK_BOX = "1020"
"""No member's box, so that a message in it came by the dialplan's fallback."""
OWN_PORTS = (10000, 20000)
"""Below those that the kernel gives, and below the media ports."""
RTP_PORTS = 400
START_SECONDS = 60
STOP_SECONDS = 20
PHRASES = (
    "voicemail_record_message voicemail_play_greeting voicemail_ack voicemail_record_file_check voicemail_goodbye "
    "voicemail_message_count voicemail_greeting_saved voicemail_record_urgent_check voicemail_hello"
).split()


@dataclass(frozen=True)
class Installation:
    """Where a FreeSWITCH is installed."""

    binary: Path
    modules: Path


def find_freeswitch() -> Installation | str:
    """Return the FreeSWITCH of FSHUNT_LIVE_FREESWITCH (a prefix) or of the PATH, or why there is none."""
    prefix = os.environ.get("FSHUNT_LIVE_FREESWITCH")
    if prefix:
        binary = Path(prefix) / "bin" / "freeswitch"
        if not binary.exists():
            return f"FSHUNT_LIVE_FREESWITCH names {prefix}, where there is no bin/freeswitch"
    else:
        found = shutil.which("freeswitch")
        if found is None:
            return "no FreeSWITCH: FSHUNT_LIVE_FREESWITCH names no prefix, and none is on the PATH"
        binary = Path(found).resolve()
    base = binary.parent.parent
    for modules in (base / "lib" / "freeswitch" / "mod", base / "mod", Path("/usr/lib/freeswitch/mod")):
        if (modules / "mod_event_socket.so").exists():
            return Installation(binary, modules)
    return f"{binary} has no mod_event_socket that can be found"


def free_port(kind: socket.SocketKind) -> int:
    """A free port below those that the kernel gives to whoever asks for any: no test beside this one is given it."""
    while True:
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(*OWN_PORTS)))
            return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Ports:
    """The ports of one run, all on loopback and free when they were chosen."""

    sip: int
    shared: int
    """A second SIP profile, which two tenants share."""
    secure: int
    """A third one, which asks for a login."""
    trusting: int
    """A fourth one, which asks for a login where it does not know the address."""
    believing: int
    """A fifth one, which takes the From for a login."""
    esl: int
    lab: int
    controllers: tuple[int, int]

    @classmethod
    def choose(cls) -> Ports:
        tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
        sip = [free_port(udp) for _ in range(5)]
        return cls(*sip, free_port(tcp), free_port(udp), (free_port(tcp), free_port(tcp)))

    @property
    def addresses(self) -> tuple[str, str]:
        first, second = self.controllers
        return f"127.0.0.1:{first}", f"127.0.0.1:{second}"


class Pbx:
    """A FreeSWITCH with the configuration of ``pbx/`` and the dialplan as shipped, this run's ports at its head."""

    def __init__(self, installed: Installation, folder: Path, ports: Ports) -> None:
        self.installed, self.folder, self.ports = installed, folder, ports
        self.process: subprocess.Popen[bytes] | None = None
        self.password = ESL_PASSWORD
        """Of its event socket."""
        self._values: dict[str, object] = {}

    @property
    def sip(self) -> tuple[str, int]:
        return ("127.0.0.1", self.ports.sip)

    @property
    def shared(self) -> tuple[str, int]:
        return ("127.0.0.1", self.ports.shared)

    @property
    def secure(self) -> tuple[str, int]:
        return ("127.0.0.1", self.ports.secure)

    @property
    def believing(self) -> tuple[str, int]:
        return ("127.0.0.1", self.ports.believing)

    @property
    def trusting(self) -> tuple[str, int]:
        return ("127.0.0.1", self.ports.trusting)

    def start(self) -> None:
        self._configure()
        folders = {name: str(self.folder / name) for name in self._folders}
        arguments = [str(self.installed.binary), "-nonat", "-nf", "-nc", "-base", str(self.folder)]
        arguments += ["-mod", str(self.installed.modules), "-htdocs", folders["tmp"], "-grammar", folders["tmp"]]
        for name in ("conf", "log", "db", "run", "storage", "recordings", "cache", "sounds", "scripts", "certs"):
            arguments += [f"-{name}", folders[name]]
        arguments += ["-temp", folders["tmp"]]
        with (self.folder / "log" / "console").open("wb") as console:
            self.process = subprocess.Popen(arguments, stdout=console, stderr=subprocess.STDOUT)
        self._until_ready()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def api(self, command: str) -> str:
        """Run one API command through the event socket and return its output."""
        with socket.create_connection(("127.0.0.1", self.ports.esl), timeout=10) as connection:
            stream = connection.makefile("rwb")
            _read_frame(stream)
            for line in (f"auth {self.password}", f"api {command}"):
                stream.write(f"{line}\n\n".encode())
                stream.flush()
                body = _read_frame(stream)
            return body.decode()

    def channels(self) -> int:
        return int(self.api("show channels count").split()[0])

    def until_idle(self, seconds: float = 10) -> None:
        """Wait until no call is left; end those that stay, and fail."""
        deadline = time.monotonic() + seconds
        while self.channels():
            if time.monotonic() > deadline:
                left = self.api("show channels")
                self.api("hupall")
                raise AssertionError(f"calls are left on the switch: {left}")
            time.sleep(0.05)

    def load_dialplan(self, text: str) -> None:
        """Take this file for the pilots from now on."""
        (self.folder / "conf" / "dialplan" / "fshunt.xml").write_text(text)
        said = self.api("reloadxml")
        assert "+OK [Success]" in said, said

    def use_call_ids(self, use: bool) -> None:
        """Take a caller's Call-ID for the uuid of the channel, or not, from now on."""
        self._set({"live_callid_as_uuid": str(use).lower()})
        for command in ("reloadxml", "sofia profile internal rescan"):
            said = self.api(command)
            assert "+OK" in said, said

    def set_dial_strings(self, own: Mapping[str, str], of_group: Mapping[str, str] | None = None) -> None:
        """Give users, or the group of a user, these dial-strings in the directory; all others have the domain's."""
        self._write_users(own, of_group or {})
        said = self.api("reloadxml")
        assert "+OK" in said, said

    def have_directory_behind(self, url: str) -> None:
        """Ask a web server for users first, until mod_xml_curl is unloaded."""
        self._set({"live_directory_url": url})
        for command in ("reloadxml", "load mod_xml_curl"):
            said = self.api(command)
            assert "+OK" in said, said

    def messages(self, box: str) -> list[Path]:
        """The messages in a voicemail box."""
        return sorted((self.folder / "storage" / "voicemail" / "default" / DOMAIN / box).glob("msg_*.wav"))

    def log(self) -> str:
        return (self.folder / "log" / "freeswitch.log").read_text(errors="replace")

    _folders = ("conf", "log", "db", "run", "storage", "recordings", "cache", "tmp", "sounds", "scripts", "certs")

    def _configure(self) -> None:
        for name in self._folders:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        conf = self.folder / "conf"
        shutil.copytree(HERE / "pbx", conf, dirs_exist_ok=True)
        values = {
            "domain": DOMAIN, "live_sip_port": self.ports.sip, "live_shared_port": self.ports.shared,
            "live_secure_port": self.ports.secure, "live_trusting_port": self.ports.trusting,
            "live_believing_port": self.ports.believing,
            "live_esl_port": self.ports.esl,
            "live_esl_password": ESL_PASSWORD, "live_lab_port": self.ports.lab, "live_rtp_first": self._rtp_first(),
            "live_rtp_last": self._rtp_first() + RTP_PORTS,
        }  # fmt: skip
        self._set(values | {"live_callid_as_uuid": "false", "live_directory_url": "http://127.0.0.1:9/"})
        self._write_users({}, {})
        _write_include(conf / "phrases.xml", [_phrase(name) for name in PHRASES])
        (conf / "dialplan").mkdir(exist_ok=True)
        (conf / "dialplan" / "fshunt.xml").write_text(self.shipped_dialplan())
        for name in ("dialplan", "ivr_menus"):
            (conf / name).mkdir(exist_ok=True)
            shutil.copy(ROOT / "freeswitch-conf" / name / "fshunt-attendant.xml", conf / name)

    def _set(self, values: Mapping[str, object]) -> None:
        """Give these values to the configuration, besides those that it has."""
        self._values |= values
        lines = [f'<X-PRE-PROCESS cmd="set" data="{name}={value}"/>' for name, value in self._values.items()]
        _write_include(self.folder / "conf" / "live.xml", lines)

    def _write_users(self, own: Mapping[str, str], of_group: Mapping[str, str]) -> None:
        conf, users = self.folder / "conf", [str(extension) for extension in USERS]
        ours = [_user(each, own.get(each)) for each in users if each not in of_group]
        groups = [
            f'<group name="of-{each}"><params>{_dial_string(said)}</params><users>{_user(each)}</users></group>'
            for each, said in of_group.items()
        ]
        _write_include(conf / "users.xml", ours)
        _write_include(conf / "groups.xml", groups)

    def _rtp_first(self) -> int:
        return OWN_PORTS[1] + (self.ports.sip - OWN_PORTS[0]) // RTP_PORTS * RTP_PORTS

    def shipped_dialplan(self, **head: str) -> str:
        """The dialplan as it is shipped, with other values at its head."""
        text = (ROOT / "freeswitch-conf" / "dialplan" / "fshunt.xml").read_text()
        ours = {"fshunt_controllers": "|".join(self.ports.addresses), "fshunt_fallback_box": FALLBACK_BOX}
        for name, value in {**ours, **head}.items():
            text, found = re.subn(rf'data="{name}=[^"]*"', f'data="{name}={value}"', text)
            assert found == 1, f"the shipped dialplan sets {name} once, at its head"
        return text

    def _until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError(f"FreeSWITCH ended at its start: {(self.folder / 'log' / 'console').read_text()}")
            try:
                if "is ready" in self.api("status") and "RUNNING" in self.api("sofia status"):
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"FreeSWITCH is not ready after {START_SECONDS} s: {self.folder / 'log'}")


def _read_frame(stream: object) -> bytes:
    length = 0
    while line := stream.readline().strip():  # type: ignore[attr-defined]
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return stream.read(length) if length else b""  # type: ignore[attr-defined]


def _write_include(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(["<include>", *lines, "</include>", ""]))


def _dial_string(said: str | None) -> str:
    return "" if said is None else f'<param name="dial-string" value="{said}"/>'


def password_of(user: str) -> str:
    """The password of a user's phones, where one is asked for."""
    return f"password-of-{user}"


def _user(extension: str, dial_string: str | None = None) -> str:
    password = f'<param name="vm-password" value="{extension}"/>'
    password += f'<param name="password" value="{password_of(extension)}"/>'
    name = NAMES.get(extension)
    shown = "" if name is None else f'<variable name="effective_caller_id_name" value="{name}"/>'
    more = MORE_OF_USERS.get(extension, "")
    return (
        f'<user id="{extension}"{more}><params>{password}{_dial_string(dial_string)}</params>'
        f'<variables><variable name="user_context" value="default"/>{shown}</variables></user>'
    )


def _phrase(name: str) -> str:
    return (
        f'<macro name="{name}"><input pattern="(.*)"><match>'
        f'<action function="play-file" data="tone_stream://%(60,20,600)"/></match></input></macro>'
    )


class Daemon:
    """``fshunt serve`` on a database of its own."""

    def __init__(self, folder: Path, controllers: tuple[str, str], which: int = 0) -> None:
        self.folder, self.address = folder, controllers[which]
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {
            **os.environ,
            "FSHUNT_CONFIG": str(folder / "fshunt.toml"),
            "FSHUNT_DATABASE_URL": f"sqlite:///{folder / 'fshunt.sqlite3'}",
            "FSHUNT_DEFAULT_DOMAIN": DOMAIN,
            "FSHUNT_LISTEN": self.address,
            "FSHUNT_CONTROLLERS": ",".join(controllers),
            "FSHUNT_STOP_TIMEOUT": "5",
            "FSHUNT_NODE_NAME": f"live-{which}",
            "FSHUNT_OUTBOX_DIR": str(folder),
            "FSHUNT_HTTP_LISTEN": "",
        }
        (folder / "fshunt.toml").touch()

    def watch(self, pbx: Pbx) -> None:
        """Have it watch the switch, from its next start on."""
        password = self.folder / "password"
        password.write_text(f"{ESL_PASSWORD}\n")
        password.chmod(0o600)
        self.environment["FSHUNT_SWITCH"] = f"127.0.0.1:{pbx.ports.esl}={password}"

    def run(self, *arguments: str) -> str:
        """Run one fshunt command and return what it printed; its failure is the test's."""
        done = self._run(arguments)
        assert done.returncode == 0, f"fshunt {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def any_result(self, *arguments: str) -> str:
        """Run one fshunt command and return what it printed, however it ended."""
        return self._run(arguments).stdout

    def fail(self, *arguments: str, output: bool = False) -> str:
        """Run one fshunt command that shall fail; return what it said of it, or all ``output``."""
        done = self._run(arguments)
        assert done.returncode == 1, f"fshunt {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout if output else done.stderr

    def _run(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fshunt", *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=ROOT,
            timeout=30,
        )

    def start(self) -> None:
        with (self.folder / "daemon.log").open("ab") as log:
            arguments = [sys.executable, "-m", "fshunt", "serve"]
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log, env=self.environment, cwd=ROOT)
        host, port = self.address.split(":")
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the daemon ended at its start: {self.log()}")
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the daemon does not listen: {self.log()}")

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to stop, without waiting."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self._end(signal.SIGTERM)

    def wait(self) -> int:
        """Wait until it has stopped, and return its exit code."""
        assert self.process is not None
        return self.process.wait(STOP_SECONDS)

    def restart(self, **settings: str) -> None:
        """Start it again with these settings over its own."""
        self.stop()
        self.environment.update(settings)
        self.start()

    def log(self) -> str:
        return (self.folder / "daemon.log").read_text(errors="replace")

    def _end(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
