"""Finds a FreeSWITCH on this host by its files, and reads how its event socket is set (design, section 15)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fshunt.errors import FshuntError
from fshunt.freeswitch.conf_files import UnreadableConf, expanded, params, variables
from fshunt.services.running_freeswitch import OF_PREFIX, PROCESSES, is_conf, running_confs
from fshunt.settings.values import Address

CONF_FOLDERS = ("/etc/freeswitch", "/usr/local/freeswitch/conf", "/usr/local/freeswitch/etc/freeswitch")
"""Of the packages, and of a build from source, which has one of the two."""

EVENT_SOCKET_FILE = "autoload_configs/event_socket.conf.xml"
WHERE_FREESWITCH_LISTENS = ("127.0.0.1", 8021, "ClueCon")
"""Address, port and password where its file says nothing (mod_event_socket)."""

_EVERY_ADDRESS = {"::": "127.0.0.1", "0.0.0.0": "127.0.0.1"}  # noqa: S104 (we connect there, and listen nowhere)


@dataclass(frozen=True, slots=True)
class EventSocketFile:
    """The event socket as FreeSWITCH's file sets it."""

    path: Path
    content: bytes = field(repr=False)
    address: Address
    """Where to connect to from this host."""
    password: str = field(repr=False)


def find_conf(
    prefix: Path | None, conf: Path | None, known: Sequence[str] = CONF_FOLDERS, processes: Path = PROCESSES
) -> Path:
    """Return the folder of FreeSWITCH's configuration: the one that is named, that of the FreeSWITCH that runs, or the
    only one of the known places.

    Raises FshuntError where there is none, or several.
    """
    if conf is not None:
        return _checked(conf, "--conf")
    if prefix is not None:
        return _of_prefix(prefix)
    found = running_confs(processes) or [Path(each) for each in known if is_conf(Path(each))]
    if len(found) == 1:
        return found[0]
    if found:
        several = " and ".join(map(str, found))
        raise FshuntError(f"FreeSWITCH's configuration is in {several}: name the one that is in use by `--conf DIR`.")
    runs = "none runs on this host" if os.geteuid() == 0 else "only root, by `sudo fshunt setup`, sees whether one runs"
    raise FshuntError(
        f"No FreeSWITCH is found: {runs}, and there is no configuration in {' or '.join(known)}. Start or install "
        "FreeSWITCH, or name its folder by `--conf DIR`, or its prefix by `--freeswitch PREFIX`."
    )


def _of_prefix(prefix: Path) -> Path:
    for below in OF_PREFIX:
        if is_conf(prefix / below):
            return prefix / below
    raise FshuntError(f"{prefix} has no configuration of FreeSWITCH in {' or '.join(OF_PREFIX)}: use `--conf DIR`.")


def _checked(conf: Path, option: str) -> Path:
    if not is_conf(conf):
        raise FshuntError(f"{conf}, named by {option}, has no freeswitch.xml: it is no configuration of FreeSWITCH.")
    return conf


def read_event_socket(conf: Path) -> EventSocketFile:
    """Read how the event socket is set. Raises FshuntError, whose text never has the password."""
    path = conf / EVENT_SOCKET_FILE
    content = _read(path)
    if content is None:
        raise FshuntError(
            f"{path} does not exist: FreeSWITCH's event socket needs it. Copy it from FreeSWITCH's example "
            "configuration, and run `fshunt setup` again."
        )
    said, known = _parsed(path, content), _variables(conf)
    host, port, password = WHERE_FREESWITCH_LISTENS
    host = _value(path, said, "listen-ip", known) or host
    number = _value(path, said, "listen-port", known) or str(port)
    if not number.isdecimal() or not 0 < int(number) < 65536:
        raise FshuntError(f"{path} has no port as listen-port, but {number!r}.")
    password = _value(path, said, "password", known) or password
    return EventSocketFile(path, content, Address(_EVERY_ADDRESS.get(host, host), int(number)), password)


def _value(path: Path, said: Mapping[str, str], name: str, known: Mapping[str, str]) -> str:
    value = expanded(said.get(name, ""), known)
    if value is None:
        raise FshuntError(f"{path} takes {name} from a variable that vars.xml does not set: write the value there.")
    return value.strip()


def _variables(conf: Path) -> dict[str, str]:
    """The variables of vars.xml; those that FreeSWITCH knows by itself are missing."""
    path = conf / "vars.xml"
    content = _read(path)
    return {} if content is None else _parsed(path, content, variables)


def _parsed(path: Path, content: bytes, read: Callable[[bytes], dict[str, str]] = params) -> dict[str, str]:
    try:
        return read(content)
    except UnreadableConf as error:
        raise FshuntError(f"{path} {error}") from None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FshuntError(f"{path} cannot be read: {error.strerror}. Run `fshunt setup` as root.") from None
