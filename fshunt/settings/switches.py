"""The `[[switch]]` tables: the FreeSWITCH hosts that the daemon watches, each with a password file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fshunt.hunting import validation
from fshunt.hunting.suggestions import did_you_mean
from fshunt.settings.secret_file import read_secret
from fshunt.settings.values import (
    Address,
    SettingsError,
    ValueKind,
    WrongValueError,
    absolute_path,
    parse_address,
    split,
    text_of,
)

EVENT_SOCKET_PORT = 8021
"""Where FreeSWITCH's event socket listens, unless its configuration says otherwise."""

SHIPPED_PASSWORD = "ClueCon"  # noqa: S105 (public, which is why fshunt refuses it)

KEYS = ("host", "port", "password_file", "dial")
USER, DOMAIN = "{user}", "{domain}"
_ROUTE = re.compile(r"[A-Za-z0-9_./:@;=+~-]+", re.ASCII)
"""One endpoint: what would part a dial string into several is no part of a route."""
ONE_SECRET = ("password", "secret")
FORM = "must be [[switch]] tables with `host`, `port` and `password_file`"


@dataclass(frozen=True, slots=True)
class WatchedSwitch:
    """The event socket of a FreeSWITCH, and the file with its password, which is read only when needed."""

    host: str
    port: int
    password_file: Path
    dial: str | None = None
    """How another switch dials a phone that is registered here, with ``{user}`` and ``{domain}``; None: it does not."""

    def endpoint(self, user: str, domain: str) -> str | None:
        """Return how another switch dials an extension that is registered here; None if no route is configured."""
        if self.dial is None:
            return None
        number, tenant = validation.check_extension(user), validation.check_domain(domain)
        return validation.check_endpoint(self.dial.replace(USER, number).replace(DOMAIN, tenant))

    @property
    def name(self) -> str:
        """Its name in logs, in metrics and on screens."""
        return str(Address(self.host, self.port))

    def __str__(self) -> str:
        return f"{self.name}={self.password_file}"

    def password(self) -> str:
        """Read the password; a line feed at its end does not belong to it.

        Raises SettingsError, whose text never has the content of the file.
        """
        file = self.password_file
        said = read_secret(file, f"the event socket's password of {self.name}")
        if said == SHIPPED_PASSWORD:
            raise SettingsError(
                f"The file {file} has FreeSWITCH's default password, which fshunt refuses: "
                f"set your own password in event_socket.conf.xml of {self.name} and in this file."
            )
        return said


def switches() -> ValueKind:
    """The tables of the file, or HOST:PORT=FILE with commas between them in the environment."""
    return ValueKind("[[switch]] tables; in the variable HOST:PORT=FILE, separated by commas", split, _check_all, _show)


def _show(switches: tuple[WatchedSwitch, ...]) -> list[str]:
    return [str(switch) for switch in switches]


def _check_all(value: object) -> tuple[WatchedSwitch, ...]:
    if isinstance(value, dict):
        raise WrongValueError(f"{FORM}: use two brackets on each side of the word")
    if not isinstance(value, list):
        raise WrongValueError(FORM)
    found: dict[str, WatchedSwitch] = {}
    for said in value:
        switch = _from_text(said) if isinstance(said, str) else _from_table(said)
        if found.setdefault(switch.name.lower(), switch) is not switch:
            raise WrongValueError(f"names {switch.name} twice")
    return tuple(found.values())


def _from_text(said: str) -> WatchedSwitch:
    where, equals, file = said.partition("=")
    if not equals:
        raise WrongValueError("must be HOST:PORT=FILE, with commas between several, where the file has the password")
    address = parse_address(where.strip(), lowest_port=1)
    return WatchedSwitch(address.host, address.port, Path(absolute_path(file.strip())))


def _from_table(said: object) -> WatchedSwitch:
    # An error does not repeat the value: it may be a password in the wrong place.
    if not isinstance(said, Mapping):
        raise WrongValueError(FORM)
    for key in said:
        _check_key(key)
    missing = [f"`{key}`" for key in ("host", "password_file") if key not in said]
    if missing:
        raise WrongValueError(f"has a table without {' and '.join(missing)}")
    address = _address(said["host"], said.get("port", EVENT_SOCKET_PORT))
    password_file = Path(absolute_path(text_of(said["password_file"])))
    return WatchedSwitch(address.host, address.port, password_file, _dial(said.get("dial")))


def _dial(said: object) -> str | None:
    if said is None:
        return None
    template = text_of(said)
    sample = template.replace(USER, "1001").replace(DOMAIN, "pbx.test")
    if USER not in template or not _ROUTE.fullmatch(sample) or not validation.fits(validation.check_endpoint, sample):
        raise WrongValueError(
            f'must have a `dial` such as "sofia/internal/{USER}@10.0.0.2:5060" or "sofia/gateway/second/{USER}", '
            f"not {template!r}"
        )
    return template


def _check_key(key: str) -> None:
    if key in ONE_SECRET:
        raise WrongValueError(
            f"takes no `{key}`: write the password into a file of its own and set `password_file` to its path"
        )
    if key not in KEYS:
        raise WrongValueError(f"has a table with the unknown key `{key}`{did_you_mean(key, list(KEYS))}")


def _address(host: Any, port: Any) -> Address:
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise WrongValueError(f"must have a port from 1 to 65535, not {port!r}")
    bare = text_of(host).removeprefix("[").removesuffix("]")
    try:
        return parse_address(str(Address(bare, port)))
    except WrongValueError:
        raise WrongValueError(f"must have a name or an IP address as `host`, not {host!r}") from None
