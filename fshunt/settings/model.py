"""All settings of fshunt, one field each: its default, what it may be, and what it does."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from fshunt.hunting import validation
from fshunt.settings import values
from fshunt.settings.switches import WatchedSwitch, switches
from fshunt.settings.urls import check_database_url, hide_password
from fshunt.settings.values import Address, IpNetwork, Kind, SettingsError

NODE_CHARS = 64


def _about(kind: Kind, meaning: str) -> dict[str, Any]:
    return {"kind": kind, "meaning": meaning}


def default_node_name(listen: Address) -> str:
    """The host's name and the port: two daemons of one host do not share a node."""
    host, port = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname()) or "fshunt", f"-{listen.port}"
    return host[: NODE_CHARS - len(port)] + port


def _check_node(value: str) -> str:
    if not re.fullmatch(rf"[A-Za-z0-9_.-]{{1,{NODE_CHARS}}}", value):
        raise values.WrongValueError(f"must be up to {NODE_CHARS} letters, digits, '_', '.' or '-', not {value!r}")
    return value


_URL = Kind("a SQLAlchemy URL", str, check_database_url, hide_password)


@dataclass(frozen=True)
class Settings:
    """What an administrator set, in the form the program uses; times in seconds. Its repr leaves the database out."""

    database_url: str = field(
        default="sqlite:////var/lib/fshunt/fshunt.db",
        repr=False,
        metadata=_about(
            _URL,
            "The database, SQLite or PostgreSQL. A password in it is shown nowhere, and no option takes it.",
        ),
    )
    default_domain: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("a domain", validation.check_domain)),
            "The domain of commands that name none. Without it, the only domain there is.",
        ),
    )
    shared_members: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            values.texts("a list of domains", validation.check_domain),
            "The domains in which a member may be in more than one group.",
        ),
    )
    seconds_per_ring: float = field(
        default=6.0,
        metadata=_about(values.seconds(0.1, 60), "How long one ring is: a ring time of 3 rings is 18 seconds."),
    )
    listen: Address = field(
        default=Address("127.0.0.1", 8084),
        metadata=_about(
            values.address(),
            "Where the daemon waits for FreeSWITCH. Other than on loopback, `allowed_peers` must be set.",
        ),
    )
    allowed_peers: tuple[IpNetwork, ...] = field(
        default=(),
        metadata=_about(values.networks(), "Who may connect: the outbound socket has no other authentication."),
    )
    http_listen: Address | None = field(
        default=Address("127.0.0.1", 8085),
        metadata=_about(
            values.no_address(values.address()),
            "Where the daemon serves metrics and health over HTTP. Off loopback, `http_allowed_peers` is required.",
        ),
    )
    http_allowed_peers: tuple[IpNetwork, ...] = field(
        default=(),
        metadata=_about(
            values.networks(), "Who besides this machine may ask for metrics and health: the server has no passwords."
        ),
    )
    switch: tuple[WatchedSwitch, ...] = field(
        default=(),
        metadata=_about(
            switches(),
            "The FreeSWITCHes whose event sockets the daemon watches, to know who is on the phone. Each has a `host`, "
            "a `port` (8021 where none is said) and a `password_file`, whose one line is the event socket's password. "
            "Without any, a hunt goes by what the phones answer.",
        ),
    )
    max_calls: int = field(
        default=1000, metadata=_about(values.whole(1, 100_000), "How many calls the daemon holds at a time.")
    )
    stop_timeout: float = field(
        default=0.5,
        metadata=_about(
            values.seconds(0, 3600),
            "How long a graceful stop lets the hunts under way go on, in seconds. Then phones that ring go on without "
            "the daemon, and whoever picks up has the call; where nobody does, and where no phone rings, FreeSWITCH "
            "takes the caller to the next daemon or to the fallback. Answered calls go on in any case.",
        ),
    )
    voicemail_profile: str = field(
        default="default",
        metadata=_about(values.text("a voicemail profile", validation.check_profile), "The profile of mod_voicemail."),
    )
    confirm_prompt: str = field(
        default="ivr/ivr-accept_reject_voicemail.wav",
        metadata=_about(
            values.text("a sound file or stream", validation.check_prompt),
            "What a member who must confirm hears before pressing 1.",
        ),
    )
    confirm_timeout: float = field(
        default=10.0,
        metadata=_about(values.seconds(1, 120), "How long a member who picked up may take to confirm, in seconds."),
    )
    transfer_context: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("a dialplan context", validation.check_context)),
            "The dialplan context of a `transfer:` destination. Empty: the caller's own.",
        ),
    )
    log_level: str = field(
        default="info", metadata=_about(values.one_of("debug", "info", "warning", "error"), "The least that is logged.")
    )
    log_format: str = field(
        default="text",
        metadata=_about(values.one_of("text", "json"), "A line of text or a JSON object for each message."),
    )
    node_name: str = field(
        default="",
        metadata=_about(
            values.text("a name", _check_node),
            "This daemon's name in the records; each daemon on a database needs its own, the same after a restart.",
        ),
    )
    lease_seconds: float = field(
        default=60.0,
        metadata=_about(
            values.seconds(1, 3600), "How long a claim on a member outlives a daemon that died, in seconds."
        ),
    )
    database_timeout: float = field(
        default=0.5,
        metadata=_about(
            values.seconds(0.05, 60),
            "The longest that a call waits for one step of the database before it goes on without, in seconds.",
        ),
    )
    outbox_dir: str | None = field(
        default="/var/lib/fshunt",
        metadata=_about(
            values.optional(values.text("a folder's whole path", values.absolute_path)),
            "Where records that the database cannot take are kept in a file, so that a daemon that is stopped or "
            "killed meanwhile writes them when it runs again. Empty, or no such folder: they wait in memory.",
        ),
    )
    claim_audit_file: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("a file's whole path", values.absolute_path)),
            "A file to which the start and the end of each claim on a member are appended, a line of JSON each, for "
            "whoever wants to prove that nobody was rung twice. It is never shortened.",
        ),
    )
    fallback_box: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("an extension", validation.check_extension)),
            "The voicemail box in the dialplan that `fshunt dialplan` writes, for groups without a box of their own.",
        ),
    )
    controllers: tuple[Address, ...] = field(
        default=(),
        metadata=_about(
            values.controllers(),
            "The daemons in the dialplan of `fshunt dialplan`, tried in this order. By default that of `listen`.",
        ),
    )

    def __post_init__(self) -> None:
        if not self.controllers:
            object.__setattr__(self, "controllers", (self.listen.reachable(),))
        if not self.node_name:
            object.__setattr__(self, "node_name", default_node_name(self.listen))

    def listening_on(self, listen: Address) -> Settings:
        """The same settings with another address to listen on; raises SettingsError if that needs `allowed_peers`.

        What goes by the address, if nothing else was said, goes along.
        """
        changed = replace(
            self,
            listen=listen,
            controllers=() if self.controllers == (self.listen.reachable(),) else self.controllers,
            node_name="" if self.node_name == default_node_name(self.listen) else self.node_name,
        )
        changed.check()
        return changed

    def check(self) -> None:
        """Refuse settings that are right one by one but not together (design, section 9)."""
        if not self.listen.loopback and not self.allowed_peers:
            raise SettingsError(
                f"To listen on {self.listen}, which other machines can reach, "
                "set `allowed_peers` to the addresses of your FreeSWITCH hosts."
            )
        if self.http_listen is None:
            return
        if not self.http_listen.loopback and not self.http_allowed_peers:
            raise SettingsError(
                f"To serve metrics on {self.http_listen}, which other machines can reach, "
                "set `http_allowed_peers` to the addresses of those who shall read them."
            )
        if self.http_listen == self.listen and self.http_listen.port:
            raise SettingsError(f"`listen` and `http_listen` are both {self.listen}: set one of them to another port.")


@dataclass(frozen=True)
class Row:
    """One setting as the loader and the documents see it."""

    name: str
    variable: str
    kind: Kind
    meaning: str
    default: Callable[[], Any]


def _row(made: Field[Any]) -> Row:
    default = made.default_factory if callable(made.default_factory) else lambda: made.default
    return Row(made.name, f"FSHUNT_{made.name.upper()}", made.metadata["kind"], made.metadata["meaning"], default)


ROWS: dict[str, Row] = {made.name: _row(made) for made in fields(Settings)}
