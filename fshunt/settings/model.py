"""All settings of fshunt, one field each: default, kind of value, and meaning."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from fshunt.hunting import validation
from fshunt.hunting.features import Codes, check_code, check_sound_folder
from fshunt.hunting.gateways import Gateway
from fshunt.notices.targets import check_mail_address
from fshunt.settings import values
from fshunt.settings.gateways import gateways
from fshunt.settings.switches import WatchedSwitch, switches
from fshunt.settings.urls import check_database_url, hide_password
from fshunt.settings.values import Address, IpNetwork, SettingsError, ValueKind

NODE_CHARS = 64


def _about(kind: ValueKind, meaning: str, *, restart: bool = False, web: bool = False) -> dict[str, Any]:
    """What is known of a setting; ``restart``: the daemon takes a change only when it starts.

    ``web``: only the web process uses it, which takes a change when it starts.
    """
    return {"kind": kind, "meaning": meaning, "restart": restart, "web": web}


def default_node_name(listen: Address) -> str:
    """Return the host's name and the port, so that two daemons of one host are two nodes."""
    host, port = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname()) or "fshunt", f"-{listen.port}"
    return host[: NODE_CHARS - len(port)] + port


def _check_node(value: str) -> str:
    if not re.fullmatch(rf"[A-Za-z0-9_.-]{{1,{NODE_CHARS}}}", value):
        raise values.WrongValueError(f"must be up to {NODE_CHARS} letters, digits, '_', '.' or '-', not {value!r}")
    return value


_CODE = values.or_none(values.text("a feature code", check_code))
_URL = ValueKind("a SQLAlchemy URL", str, check_database_url, hide_password)


@dataclass(frozen=True)
class Settings:
    """The settings as the program uses them; times in seconds. The repr omits the database URL and its password."""

    database_url: str = field(
        default="sqlite:////var/lib/fshunt/fshunt.db",
        repr=False,
        metadata=_about(
            _URL,
            "The SQLite or PostgreSQL database. Its password belongs in `database_password_file`; one in the URL is "
            "never shown, and no option takes it. Where the variable names another database than the file, each "
            "command says which one it uses.",
            restart=True,
        ),
    )
    database_password_file: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("an absolute path", values.absolute_path)),
            "File whose only line is the password of PostgreSQL, for a `database_url` without one. It is read at the "
            "start and refused if it is world-readable. One in the settings file is not used for the database that "
            "FSHUNT_DATABASE_URL names.",
            restart=True,
        ),
    )
    default_domain: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("a domain", validation.check_domain)),
            "The domain for commands without `--domain`. If it is not set, the only domain in the database.",
        ),
    )
    shared_members: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            values.texts("a list of domains", validation.check_domain),
            "Domains in which a member may belong to more than one group.",
        ),
    )
    seconds_per_ring: float = field(
        default=6.0,
        metadata=_about(
            values.seconds(0.1, 60), "Length of one ring, in seconds: with 6, a ring time of 3 rings is 18 seconds."
        ),
    )
    dead_phone_seconds: float = field(
        default=4.0,
        metadata=_about(
            values.seconds(0.5, 60),
            "How long a phone may take to ring, in seconds: one that gives no sign of ringing within this time is "
            "dead, its member `unreachable` for this call, and the next member rings.",
        ),
    )
    external_setup_seconds: float = field(
        default=15.0,
        metadata=_about(
            values.seconds(0.5, 120),
            "The same for external members: how long a trunk may take to make the other phone ring, in seconds.",
        ),
    )
    listen: Address = field(
        default=Address("127.0.0.1", 8084),
        metadata=_about(
            values.address(),
            "Address for FreeSWITCH's connections. Other than on loopback, `allowed_peers` is required.",
            restart=True,
        ),
    )
    allowed_peers: tuple[IpNetwork, ...] = field(
        default=(),
        metadata=_about(
            values.networks(), "Hosts that may connect to `listen`: the outbound socket has no other authentication."
        ),
    )
    http_listen: Address | None = field(
        default=Address("127.0.0.1", 9084),
        metadata=_about(
            values.or_none(values.address()),
            "Address for metrics and health over HTTP. Other than on loopback, `http_allowed_peers` is required.",
            restart=True,
        ),
    )
    http_allowed_peers: tuple[IpNetwork, ...] = field(
        default=(),
        metadata=_about(
            values.networks(), "Other hosts that may read metrics and health: the HTTP server has no passwords."
        ),
    )
    switch: tuple[WatchedSwitch, ...] = field(
        default=(),
        metadata=_about(
            switches(),
            "FreeSWITCH event sockets that the daemon watches, to know which members are on a call. Each has a `host`, "
            "a `port` (default 8021) and a `password_file`, whose only line is the event socket's password. "
            "Without any, hunts rely on the phones' answers. `dial` is how the other switches dial a phone that is "
            'registered at this one, with `{user}` and `{domain}`, such as `"sofia/internal/{user}@10.0.0.2:5060"`; '
            "without it such a member is skipped as `other-switch`.",
            restart=True,
        ),
    )
    gateway: tuple[Gateway, ...] = field(
        default=(),
        metadata=_about(
            gateways(),
            "What external legs show on each gateway. Each has a `name`, as in FreeSWITCH; `caller_id_number`, the "
            "number to show if neither group nor member has one (trunks refuse foreign numbers); and `caller_in`, "
            "where the caller's number stands then: `name` (default), `diversion` or `p-asserted-identity`. With "
            "`inband_dtmf = true` the key that confirms is heard as a tone in the sound, too.",
        ),
    )
    max_calls: int = field(
        default=1000, metadata=_about(values.whole(1, 100_000), "Maximum number of calls at a time.")
    )
    stop_timeout: float = field(
        default=0.5,
        metadata=_about(
            values.seconds(0, 3600),
            "How long a stop waits for hunts in progress, in seconds. Then ringing phones keep ringing without the "
            "daemon, and the first to pick up gets the call; if nobody does, or no phone rings, FreeSWITCH takes the "
            "caller to the next daemon or to the fallback. Answered calls continue in any case.",
        ),
    )
    voicemail_profile: str = field(
        default="default",
        metadata=_about(values.text("a voicemail profile", validation.check_profile), "Profile of mod_voicemail."),
    )
    confirm_prompt: str = field(
        default="ivr/ivr-accept_reject.wav",
        metadata=_about(
            values.text("a sound file or stream", validation.check_prompt),
            "Prompt for a member who must confirm: 1 accepts the call, any other key refuses it. A tone follows it, "
            "and stands for it if FreeSWITCH does not have the file; so no sound files need be installed.",
        ),
    )
    confirm_timeout: float = field(
        default=10.0,
        metadata=_about(values.seconds(1, 120), "How long a member may take to confirm after picking up, in seconds."),
    )
    position_prompt: str = field(
        default="ivr/ivr-you_are_number.wav",
        metadata=_about(
            values.text("a sound file", validation.check_sound_file),
            "What FreeSWITCH plays before the position of a queued caller (`--announce-every` of a group). Without the "
            "file nothing is announced.",
        ),
    )
    wait_prompt: str = field(
        default="ivr/ivr-estimated_hold_time.wav",
        metadata=_about(
            values.text("a sound file", validation.check_sound_file),
            "What FreeSWITCH plays before the minutes that a queued caller will wait.",
        ),
    )
    keys_prompt: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("a sound file", validation.check_sound_file)),
            "What FreeSWITCH plays to tell a queued caller which keys there are, as your own recording says it: after "
            "the position, or alone. Without it the keys count, and nobody tells of them.",
        ),
    )
    callback_allowed: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            values.texts("a list of numbers", validation.check_callback_pattern),
            "Numbers outside that may ask to be called back (`--callback` of a group): `+4930123456`, or the beginning "
            "of numbers and a star, `+4930*`. FreeSWITCH calls them by your dialplan, at your cost, and a caller may "
            "show any number (toll fraud): name no more than you would call. Empty: only extensions that have logged "
            "in.",
        ),
    )
    callback_prompt: str = field(
        default="ivr/ivr-we_will_return_your_call_at_this_number.wav",
        metadata=_about(
            values.text("a sound file", validation.check_sound_file),
            "What FreeSWITCH plays to a caller who will be called back. A tone follows it, and stands for it if "
            "FreeSWITCH does not have the file.",
        ),
    )
    say_language: str = field(
        default="en",
        metadata=_about(
            values.text("a language", validation.check_language),
            "The language in which FreeSWITCH says numbers; it needs the module `mod_say_LANGUAGE`.",
        ),
    )
    wait_for_phone_seconds: float = field(
        default=0.0,
        metadata=_about(
            values.seconds(0, 300),
            "How long a caller waits for a phone to register when no member has one, in seconds: an app that a push "
            "notification wakes needs some. The wait ends with the first phone. 0: the caller does not wait.",
        ),
    )
    late_phones: str = field(
        default="at-once",
        metadata=_about(
            values.one_of("next-stage", "at-once"),
            "When a phone rings that registers while its member is being rung. `at-once`: within a second, where the "
            "switch is watched (`switch`), by one channel more in FreeSWITCH for each stage, which counts for its "
            "`max-sessions`. `next-stage`: when its member is rung next, as where no switch is watched.",
        ),
    )
    block_code: str | None = field(
        default="*13",
        metadata=_about(
            _CODE,
            "Feature code by which members block themselves in all their groups, or, followed by a pilot, in that one "
            "(docs/feature-codes.md). After a change of a code, write and load the dialplan again.",
        ),
    )
    unblock_code: str | None = field(
        default="*14",
        metadata=_about(
            _CODE,
            "Feature code by which members lift their block, in all their groups or in that of the pilot behind it.",
        ),
    )
    state_code: str | None = field(
        default="*15",
        metadata=_about(
            _CODE,
            "Feature code that tells members whether they are blocked: in their groups, or in that of the pilot behind "
            "it.",
        ),
    )
    close_code: str | None = field(
        default="*48",
        metadata=_about(
            _CODE,
            "Feature code that, followed by a pilot, closes the group: for its administrators.",
        ),
    )
    open_code: str | None = field(
        default="*49",
        metadata=_about(
            _CODE,
            "Feature code that, followed by a pilot, opens the group again.",
        ),
    )
    feature_sounds: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("a folder of sound files", check_sound_folder)),
            "Folder at FreeSWITCH with `done.wav`, `refused.wav`, `in-turn.wav`, `blocked.wav` and "
            "`blocked-in-some.wav`, which are played before the tones of the feature codes. Where a file is missing, "
            "its tone is played alone.",
        ),
    )
    lamps: str = field(
        default="on",
        metadata=_about(
            values.one_of("on", "off"),
            "Whether phones are told the lamps of pilots and blocks that their keys watch (BLF), by the switches of "
            "`switch`, whose SIP profiles need `manage-presence`. See docs/lamps.md.",
            restart=True,
        ),
    )
    transfer_context: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("a dialplan context", validation.check_context)),
            "Dialplan context of `transfer:` destinations. Empty: the caller's own context.",
        ),
    )
    log_level: str = field(
        default="info", metadata=_about(values.one_of("debug", "info", "warning", "error"), "Minimum level to log.")
    )
    log_format: str = field(
        default="text",
        metadata=_about(
            values.one_of("text", "json"),
            "Log each message as a line of text or as a JSON object with fields (docs/log.md).",
        ),
    )
    node_name: str = field(
        default="",
        metadata=_about(
            values.text("a name", _check_node),
            "Name of this daemon in the records: unique among the daemons of a database, and the same after a restart.",
            restart=True,
        ),
    )
    database_timeout: float = field(
        default=0.5,
        metadata=_about(
            values.seconds(0.05, 60),
            "Longest wait for one database step, in seconds; after that the call continues without the database. A "
            "hunt may wait so long twice before its first phone rings: for the group, then for its members to be free.",
            restart=True,
        ),
    )
    outbox_dir: str | None = field(
        default="/var/lib/fshunt",
        metadata=_about(
            values.optional(values.text("an absolute path", values.absolute_path)),
            "Folder of the outbox file, which keeps writes that the database has not taken yet. A daemon that is "
            "stopped or killed meanwhile writes them at its next start. If empty or missing, they are kept in memory "
            "only.",
            restart=True,
        ),
    )
    claim_audit_file: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("an absolute path", values.absolute_path)),
            "File to which the daemon appends the start and the end of each claim on a member, one line of JSON each, "
            "to prove that no member is claimed twice. It is never truncated; where it is renamed, as by logrotate, "
            "the daemon begins a new one.",
            restart=True,
        ),
    )
    keep_calls_days: int | None = field(
        default=None,
        metadata=_about(
            values.optional(values.whole(1, 36_500)),
            "Days for which calls are kept in the records. Older ones are removed once a day by one of the daemons, a "
            "few at a time, so that no hunt waits. If it is not set, all are kept; see also `fshunt call prune`.",
        ),
    )
    keep_changes_days: int | None = field(
        default=None,
        metadata=_about(
            values.optional(values.whole(1, 36_500)),
            "Days for which changes are kept in the history (`fshunt history`), and can be undone. Older ones are "
            "removed as calls are. If it is not set, all are kept.",
        ),
    )
    session_idle_minutes: int = field(
        default=30,
        metadata=_about(
            values.whole(1, 1440), "Minutes without use after which somebody must sign in to the web pages again."
        ),
    )
    session_hours: int = field(
        default=12,
        metadata=_about(
            values.whole(1, 720), "Hours after which somebody must sign in to the web pages again, in any case."
        ),
    )
    fallback_box: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("an extension", validation.check_extension)),
            "Voicemail box in the dialplan of `fshunt dialplan`, for groups without a box of their own.",
        ),
    )
    web_listen: Address = field(
        default=Address("127.0.0.1", 8090),
        metadata=_about(
            values.address(),
            "Address of the web pages (`fshunt web`). Other than on loopback, `web_tls_cert` and `web_tls_key` are "
            "required, or `web_trusted_proxies`.",
            web=True,
        ),
    )
    web_url: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("https://HOST or https://HOST:PORT", values.web_url)),
            "How people reach the web pages: the address in invitations, and the only host that the pages answer to. "
            "Without it, invitations have `web_listen`.",
            web=True,
        ),
    )
    web_tls_cert: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("an absolute path", values.absolute_path)),
            "File with the certificate of the web pages and its chain, in PEM, where no proxy does TLS.",
            web=True,
        ),
    )
    web_tls_key: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("an absolute path", values.absolute_path)),
            "File with the private key of that certificate, in PEM.",
            web=True,
        ),
    )
    web_trusted_proxies: tuple[IpNetwork, ...] = field(
        default=(),
        metadata=_about(
            values.networks(),
            "Proxies before the web pages, such as Caddy or nginx: their `X-Forwarded-For`, `X-Forwarded-Proto` and "
            "`X-Forwarded-Host` are believed, nobody else's. Off loopback without TLS, only they may connect.",
            web=True,
        ),
    )
    smtp_host: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("a host", values.mail_host)),
            "The mail server for notices (docs/notices.md): a name, which its certificate must have, or an address. "
            "Without it no mail is sent.",
        ),
    )
    smtp_port: int | None = field(
        default=None,
        metadata=_about(
            values.optional(values.whole(1, 65535)),
            "Port of the mail server. If it is not set: 587 with `starttls`, 465 with `tls`, 25 with `none`.",
        ),
    )
    smtp_tls: str = field(
        default="starttls",
        metadata=_about(
            values.one_of("starttls", "tls", "none"),
            "How the connection to the mail server is encrypted: `starttls` after a greeting in the clear, `tls` from "
            "the first byte, `none` not at all, as for a server on this host. The certificate is verified.",
        ),
    )
    smtp_user: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("a name", values.one_line)), "User at the mail server, where it asks for one."
        ),
    )
    smtp_password_file: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("an absolute path", values.absolute_path)),
            "File whose only line is the password of `smtp_user`. It is read for each mail, by the daemon.",
        ),
    )
    smtp_from: str | None = field(
        default=None,
        metadata=_about(
            values.optional(values.text("a mail address", check_mail_address)),
            "Sender of notices by mail. If it is not set: fshunt@ and the name of this host.",
        ),
    )
    webhook_allowed_networks: tuple[IpNetwork, ...] = field(
        default=(),
        metadata=_about(
            values.networks(),
            "Networks that are not public and to which webhooks may go all the same, such as 10.0.5.0/24. Whoever "
            "looks after a group may name any address there.",
        ),
    )
    controllers: tuple[Address, ...] = field(
        default=(),
        metadata=_about(
            values.controllers(),
            "Daemons in the dialplan of `fshunt dialplan`, tried in this order. Default: the address of `listen`.",
        ),
    )

    def __post_init__(self) -> None:
        if not self.controllers:
            object.__setattr__(self, "controllers", (self.listen.reachable(),))
        if not self.node_name:
            object.__setattr__(self, "node_name", default_node_name(self.listen))

    @property
    def web_address(self) -> str:
        """The address of the web pages as people open them, without a slash at its end."""
        return self.web_url or f"{'https' if self.web_tls else 'http'}://{self.web_listen.reachable()}"

    def given_controllers(self) -> tuple[str, ...]:
        """Return the addresses of ``controllers``, unless they are the default, which only this host can reach."""
        default = (self.listen.reachable(),)
        return () if self.controllers == default else tuple(str(address) for address in self.controllers)

    def listening_on(self, listen: Address) -> Settings:
        """Return the settings with another address to listen on; raise SettingsError if that needs `allowed_peers`.

        Defaults that depend on the address change with it.
        """
        changed = self.moved_to(listen)
        changed.check()
        return changed

    def web_listening_on(self, listen: Address) -> Settings:
        """Return the settings with another address for the web pages, unchecked."""
        return replace(self, web_listen=listen)

    def moved_to(self, listen: Address) -> Settings:
        """Return the settings with another address to listen on and the defaults that depend on it, unchecked."""
        return replace(
            self,
            listen=listen,
            controllers=() if self.controllers == (self.listen.reachable(),) else self.controllers,
            node_name="" if self.node_name == default_node_name(self.listen) else self.node_name,
        )

    @property
    def codes(self) -> Codes:
        """The feature codes."""
        return Codes(self.block_code, self.unblock_code, self.state_code, self.close_code, self.open_code)

    def check(self) -> None:
        """Refuse settings that are valid alone but not together (design, section 9)."""
        clash = self.codes.clash()
        if clash is not None:
            shorter, longer = (f"{feature.value}_code" for feature in clash)
            raise SettingsError(
                f"`{longer}` is `{shorter}`, or begins with it: a pilot may follow a code, so nobody could tell which "
                "of the two is dialled."
            )
        if not self.listen.loopback and not self.allowed_peers:
            raise SettingsError(
                f"To listen on {self.listen}, which other machines can reach, "
                "set `allowed_peers` to the addresses of your FreeSWITCH hosts."
            )
        self._check_smtp()
        if self.http_listen is None:
            return
        if not self.http_listen.loopback and not self.http_allowed_peers:
            raise SettingsError(
                f"To serve metrics on {self.http_listen}, which other machines can reach, "
                "set `http_allowed_peers` to the addresses of those who shall read them."
            )
        if self.http_listen == self.listen and self.http_listen.port:
            raise SettingsError(f"`listen` and `http_listen` are both {self.listen}: set one of them to another port.")

    def _check_smtp(self) -> None:
        if (self.smtp_user is None) != (self.smtp_password_file is None):
            raise SettingsError("`smtp_user` and `smtp_password_file` go together: set both, or none of them.")
        if self.smtp_user is not None and self.smtp_tls == "none":
            raise SettingsError("A password is not sent in the clear: set `smtp_tls` to `starttls` or `tls`.")

    @property
    def web_tls(self) -> bool:
        """Whether the web process itself does TLS."""
        return self.web_tls_cert is not None

    def check_web(self) -> None:
        """Refuse settings with which the web pages may not start; the daemon, which has no use for them, may."""
        if (self.web_tls_cert is None) != (self.web_tls_key is None):
            raise SettingsError("`web_tls_cert` and `web_tls_key` go together: set both, or none of them.")
        if not self.web_listen.loopback and not self.web_tls and not self.web_trusted_proxies:
            raise SettingsError(
                f"To serve the web pages on {self.web_listen}, which other machines can reach, set `web_tls_cert` and "
                "`web_tls_key`, or `web_trusted_proxies` to the addresses of the proxies that do TLS."
            )


@dataclass(frozen=True)
class SettingRow:
    """One setting as the loader and the documents see it."""

    name: str
    variable: str
    kind: ValueKind
    meaning: str
    restart: bool
    """Whether a change needs a restart of the daemon; else a reload is enough."""
    web: bool
    """Whether only the web process uses it, which needs a restart."""
    default: Callable[[], Any]


def _row(made: Field[Any]) -> SettingRow:
    default = made.default_factory if callable(made.default_factory) else lambda: made.default
    return SettingRow(
        made.name,
        f"FSHUNT_{made.name.upper()}",
        made.metadata["kind"],
        made.metadata["meaning"],
        made.metadata["restart"],
        made.metadata["web"],
        default,
    )


ROWS: dict[str, SettingRow] = {made.name: _row(made) for made in fields(Settings)}
