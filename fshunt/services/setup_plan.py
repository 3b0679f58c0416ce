"""What `fshunt setup` would do on a host, from what it has found there. Pure: a plan is values, and changes nothing.

Each step is done, can be done, or has a problem. A plan that is made anew after its steps were done has nothing to do.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from fshunt.freeswitch.conf_files import UnreadableConf, with_param
from fshunt.freeswitch.contacts import is_of_domain
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.hunting import validation
from fshunt.hunting.group import Group
from fshunt.services.setup_facts import Facts, LetInBy, SwitchFacts, is_ours
from fshunt.settings.switches import SHIPPED_PASSWORD

USER = "fshunt"
HOME = "/var/lib/fshunt"
PUBLIC_PASSWORDS = (SHIPPED_PASSWORD, "CHANGE-ME")
"""FreeSWITCH's own, and that of our example file."""
MOST_MEMBERS = 5
"""Of the first group: on a host with many phones setup does not have them all ring."""
PILOTS = [str(number) for number in range(5000, 5100)]
SECRET_MODE, SHARED_SECRET_MODE, OPEN_MODE = 0o600, 0o640, 0o644
AGAIN = "run `fshunt setup` again"

UNITS = ("fshunt.socket", "fshunt.service")


class State(StrEnum):
    """How a step is."""

    DONE = "done"
    TO_DO = "to do"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Write a file; what was there is copied beside it."""

    path: Path
    content: bytes = field(repr=False)
    secret: bool = False
    mode: int | None = None
    """None: as it is."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run a program of this host."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class AddGroup:
    """Add a group with members."""

    domain: str
    pilot: str
    members: tuple[str, ...]


class Do(StrEnum):
    """Changes without arguments."""

    RELOAD_EVENT_SOCKET = "reload mod_event_socket"
    RELOAD_XML = "reloadxml"
    FILL_TABLE = "fshunt dialplan --table --reload"
    UPGRADE_DATABASE = "fshunt db upgrade"
    CALL = "test call"


Action = WriteFile | Run | AddGroup | Do


@dataclass(frozen=True, slots=True)
class Step:
    """One step: how it is, why that matters, what would be changed. Sentences, but for the name."""

    name: str
    state: State
    what: str
    why: str = ""
    change: str = ""
    actions: tuple[Action, ...] = ()
    needs: tuple[str, ...] = ()
    """Steps without which it is not tried."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the administrator has said, and a password that was drawn for this run."""

    new_password: str = field(repr=False)
    domain: str | None = None
    pilot: str | None = None
    members: tuple[str, ...] = ()


def plan(facts: Facts, wishes: Wishes) -> dict[str, Step]:
    """Return all steps in the order in which they are done, by name."""
    steps = [
        _freeswitch(facts),
        _user(facts),
        _password(facts, wishes),
        _reload(facts),
        _password_file(facts),
        _settings(facts),
        _database(facts),
        _group(facts, wishes),
        _dialplan(facts),
        _daemon(facts),
        _call(facts, wishes),
    ]
    return {step.name: step for step in steps}


def _done(name: str, what: str) -> Step:
    return Step(name, State.DONE, what)


def _problem(name: str, what: str, needs: tuple[str, ...] = ()) -> Step:
    return Step(name, State.PROBLEM, what, needs=needs)


def _freeswitch(facts: Facts) -> Step:
    name, where = "freeswitch", facts.socket.address
    if facts.switch is not None:
        told = facts.switch.conf
        if told is not None and told.resolve() != facts.conf.resolve() and told.is_dir():
            return _problem(
                name, f"FreeSWITCH at {where} reads its files from {told}, not from {facts.conf}: add `--conf {told}`."
            )
        version = f"FreeSWITCH {facts.switch.version or 'of an unknown version'}"
        return _done(name, f"{version} answers at {where}.")
    if facts.refused:
        return _problem(
            name,
            f"FreeSWITCH at {where} refuses the password of {facts.socket.path}: it was started with another one. "
            f"Restart FreeSWITCH while no call is up, and {AGAIN}.",
        )
    return _problem(
        name, f"{facts.silence.rstrip('.')}. Start it, for example by `systemctl start freeswitch`, and {AGAIN}."
    )


def _user(facts: Facts) -> Step:
    name, host = "user", facts.host
    if not host.is_usual or not host.is_root:
        return _done(name, f"The files belong to {host.user}, who runs this command.")
    if host.has_user:
        return _done(name, f"There is a user {USER}.")
    words = ("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", HOME)
    run = Run((*words, "--shell", "/usr/sbin/nologin", USER))
    why = "The daemon does not run as root."
    return Step(name, State.TO_DO, f"There is no user {USER}.", why, f"Make the user by `{run}`.", (run,))


def _password(facts: Facts, wishes: Wishes) -> Step:
    name, socket = "event-socket", facts.socket
    if socket.password not in PUBLIC_PASSWORDS:
        return _done(name, f"The event socket has a password of its own in {socket.path}.")
    new = facts.kept if facts.kept not in (None, *PUBLIC_PASSWORDS) else wishes.new_password
    assert new is not None
    try:
        content = with_param(socket.content, "password", new)
    except UnreadableConf as error:
        return _problem(name, f"{socket.path} {error}")
    return Step(
        name,
        State.TO_DO,
        "FreeSWITCH's event socket has the public password that it is shipped with.",
        "Everybody who reaches its port can run anything on this host.",
        f"Write a new password into {socket.path}.",
        (WriteFile(socket.path, content),),
    )


def _reload(facts: Facts) -> Step:
    name, needs = "event-socket-reload", ("freeswitch", "event-socket")
    if facts.switch is None:
        return _problem(name, "FreeSWITCH does not answer.", needs)
    if facts.switch.let_in_by is LetInBy.ITS_FILE and facts.socket.password not in PUBLIC_PASSWORDS:
        return _done(name, "FreeSWITCH takes the password of its file.")
    return Step(
        name,
        State.TO_DO,
        "FreeSWITCH does not know the new password yet.",
        "Nobody who has the new one gets in.",
        f"Reload FreeSWITCH's event socket: {_calls(facts.switch)}, and none is cut (FreeSWITCH refuses it while a "
        "daemon has one); each other program that is connected to the event socket must log in anew.",
        (Do.RELOAD_XML, Do.RELOAD_EVENT_SOCKET),
        needs,
    )


def _calls(switch: SwitchFacts) -> str:
    if switch.calls is None:
        return "it does not say how many calls are up"
    return {0: "no call is up", 1: "1 call is up"}.get(switch.calls, f"{switch.calls} calls are up")


def _password_file(facts: Facts) -> Step:
    name, file = "password-file", facts.password_file
    if facts.kept == facts.socket.password:
        return _done(name, f"{file} has the event socket's password.")
    what = f"{file} has another password than FreeSWITCH's file." if file.exists() else f"There is no file {file}."
    return Step(
        name,
        State.TO_DO,
        what,
        "The daemon asks FreeSWITCH who is on a call, and logs in with it.",
        f"Write the event socket's password into {file}, which only fshunt can read.",
        (WriteFile(file, f"{facts.socket.password}\n".encode(), secret=True),),
        ("user", "event-socket"),
    )


def _settings(facts: Facts) -> Step:
    name, file = "settings", facts.settings.file
    if facts.settings.loaded is None:
        return _problem(name, facts.settings.problem)
    address = facts.socket.address
    if facts.watched is not None:
        return _done(name, f"The settings have the switch {facts.watched.name}.")
    if facts.settings.loaded.sources["switch"] == "environment":
        return _problem(name, f"FSHUNT_SWITCH is set and lacks {address}={facts.password_file}: add it there.")
    content = _with_switch(facts)
    if content is None:
        return _problem(
            name, f"{file} has `switch` in a form that takes no further table: add the [[switch]] yourself."
        )
    actions: tuple[Action, ...] = (WriteFile(file, content, mode=OPEN_MODE),)
    if facts.daemon.running and facts.host.is_usual and facts.host.systemd:
        actions = (*actions, Run(("systemctl", "reload", "fshunt")))
    return Step(
        name,
        State.TO_DO,
        f"{file} does not name FreeSWITCH." if facts.settings.content is not None else f"There is no file {file}.",
        "The daemon does not know who is on a call.",
        f"Write the [[switch]] {address} into {file}{_and_run(actions)}.",
        actions,
        ("user", "password-file"),
    )


def _and_run(actions: Sequence[Action]) -> str:
    return "".join(f", and run `{each}`" for each in actions if isinstance(each, Run))


HEAD = "# The settings of fshunt; `fshunt config check` shows and checks them.\n"


def _with_switch(facts: Facts) -> bytes | None:
    """The settings file with this FreeSWITCH; None where a table cannot be put at its end."""
    address = facts.socket.address
    table = f'[[switch]]\nhost = "{address.host}"\nport = {address.port}\npassword_file = "{facts.password_file}"\n'
    before = facts.settings.content
    text = HEAD if before is None else before.decode()
    text = f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}\n{table}"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    return text.encode()


def _database(facts: Facts) -> Step:
    name, found, needs = "database", facts.database, ("user", "settings")
    if found.ok:
        return _done(name, found.sentence)
    if found.problem:
        return _problem(name, found.sentence, needs)
    change = "Make its tables, or bring them up to date, as `fshunt db upgrade` does; data that are there stay."
    why = "Groups and the records of calls are kept there."
    return Step(name, State.TO_DO, found.sentence, why, change, (Do.UPGRADE_DATABASE,), needs)


def _group(facts: Facts, wishes: Wishes) -> Step:
    name, needs, groups = "group", ("freeswitch", "database"), facts.database.groups
    if groups:
        named = ", ".join(f"{group.pilot} of {group.domain}" for group in groups[:MOST_MEMBERS])
        return _done(name, f"There are groups: {named}{' and others' if len(groups) > MOST_MEMBERS else ''}.")
    if facts.switch is None:
        return _problem(name, "FreeSWITCH does not answer.", needs)
    domain = _domain(facts.switch, wishes)
    members = wishes.members or tuple(phones_in(facts.switch, domain)[:MOST_MEMBERS]) if domain else ()
    if domain is None or not members:
        where = f" in {wishes.domain}" if wishes.domain else ""
        elsewhere = sorted({each for _, each in facts.switch.phones})
        hint = f" (there are phones in {', '.join(elsewhere)})" if elsewhere else ""
        return _problem(name, f"No phone is registered{where}{hint}: register one at FreeSWITCH, and {AGAIN}.", needs)
    pilot = wishes.pilot or _free_pilot(facts)
    if (taker := _taken_by(facts, pilot)) is not None:
        return _problem(
            name,
            f"Calls to {pilot} are taken by {taker} of FreeSWITCH's dialplan, context {facts.dialplan.context}: use "
            f"another number, for example `--pilot {_free_pilot(facts)}`.",
            needs,
        )
    return Step(
        name,
        State.TO_DO,
        "There are no groups yet.",
        "A group has the members who ring when its number, the pilot, is called.",
        f"Add group {pilot} of {domain} with {_named(members)}, who ring one after the other.",
        (AddGroup(domain, pilot, members),),
        needs,
    )


def _domain(switch: SwitchFacts, wishes: Wishes) -> str | None:
    """The domain that is named, else that with the most phones, else FreeSWITCH's own."""
    if wishes.domain is not None:
        return wishes.domain
    counted: dict[str, int] = {}
    for _, domain in sorted(switch.phones):
        if validation.fits(validation.check_domain, domain):
            counted[domain] = counted.get(domain, 0) + 1
    return max(counted, key=lambda each: counted[each], default=switch.domain)


def phones_in(switch: SwitchFacts, domain: str) -> list[str]:
    """Return the extensions that have a phone in a domain, in order of their numbers."""
    found = {user for user, where in switch.phones if is_of_domain(where, domain)}
    fitting = (user for user in found if validation.fits(validation.check_extension, user))
    return sorted(fitting, key=lambda user: (len(user), user))


def _named(members: Sequence[str]) -> str:
    return f"the member{'s' if len(members) > 1 else ''} {', '.join(members)}"


def _free_pilot(facts: Facts) -> str:
    """A number that nobody has, else one that our file, which stands first in its folder, takes from another."""
    assert facts.switch is not None
    free = (each for each in PILOTS if facts.switch.lookup(each).answer is not Answer.FOUND)
    ours = (each for each in PILOTS if _taken_by(facts, each) is None)
    return next(free, None) or next(ours, PILOTS[0])


def _taken_by(facts: Facts, pilot: str) -> str | None:
    """The extension that would keep callers of the pilot from our file; None: there is none."""
    assert facts.switch is not None
    found = facts.switch.lookup(pilot)
    if found.answer is not Answer.FOUND or found.controlled:
        return None
    ours = facts.dialplan.content or b""
    has_it = f'-{pilot}">'.encode() in ours and is_ours(ours)
    return found.why if has_it or found.why.removeprefix("extension ") in facts.dialplan.before else None


def _dialplan(facts: Facts) -> Step:
    name, needs, found = "dialplan", ("freeswitch", "group", "settings"), facts.dialplan
    groups = facts.database.groups
    if facts.switch is None or not groups or facts.settings.loaded is None:
        what = "Callers of the first group get to fshunt by FreeSWITCH's dialplan."
        return Step(name, State.TO_DO, what, "", f"Write {found.file}, and reload.", (), needs)
    good = facts.dialplans()
    led = all(facts.switch.leads(group) for group in groups)
    if led and (found.content is None or found.content in good or not is_ours(found.content)):
        return _done(name, "FreeSWITCH's dialplan gives the callers of all groups to fshunt.")
    for group in groups:
        if (taker := _taken_by(facts, group.pilot)) is not None:
            return _problem(
                name,
                f"Calls to {group.pilot} are taken by {taker} of FreeSWITCH's dialplan, context {found.context}: take "
                f"it out, or run `fshunt group renumber {group.pilot} NEW` and {AGAIN}.",
                needs,
            )
    if not found.folder.is_dir():
        what = f"There is no folder {found.folder} for the dialplan: write it by `fshunt dialplan --out FILE --reload`."
        return _problem(name, what, needs)
    actions = _dialplan_actions(facts, good)
    change = f"Write {found.file}, and have" if isinstance(actions[0], WriteFile) else "Have"
    return Step(
        name,
        State.TO_DO,
        f"FreeSWITCH's dialplan does not lead callers to fshunt{' as it should' if led else ''}.",
        "They would not reach their group.",
        f"{change} FreeSWITCH read its files anew: {_calls(facts.switch)}, and none is cut.",
        actions,
        needs,
    )


def _dialplan_actions(facts: Facts, good: Sequence[bytes]) -> tuple[Action, ...]:
    found = facts.dialplan
    write: tuple[Action, ...] = () if found.content in good else (WriteFile(found.file, good[0], mode=OPEN_MODE),)
    by_table = len(good) > 1 and (write or found.content == good[0])
    return (*write, Do.RELOAD_XML, *((Do.FILL_TABLE,) if by_table else ()))


def _daemon(facts: Facts) -> Step:
    name, needs, daemon = "daemon", ("settings", "database", "password-file"), facts.daemon
    if facts.settings.loaded is None:
        return _problem(name, facts.settings.problem, needs)
    listen = facts.set.listen
    ours = facts.database.identity
    if daemon.running and daemon.database_id and ours and daemon.database_id != ours:
        return _problem(
            name,
            f"The daemon at {listen} uses another database than this command: give both the same `database_url`, and "
            "run `systemctl restart fshunt`.",
            needs,
        )
    if daemon.running:
        return _done(name, f"The daemon answers at {listen}.")
    if daemon.problem:
        return _problem(name, daemon.problem, needs)
    start = Run(("systemctl", "enable", "--now", *UNITS))
    what, why = f"No daemon runs at {listen}.", "Callers go to voicemail without one."
    if facts.host.systemd and facts.host.has_unit and facts.host.is_usual and facts.host.is_root:
        return Step(name, State.TO_DO, what, why, f"Start it by `{start}`.", (start,), needs)
    how = f"`{start}`" if facts.host.systemd and facts.host.has_unit else "`fshunt serve`"
    return _problem(name, f"{what} {why} Start it by {how}, and {AGAIN}.", needs)


def _call(facts: Facts, wishes: Wishes) -> Step:
    name, needs = "test-call", ("freeswitch", "dialplan", "daemon")
    group = called_group(facts, wishes)
    if group is None and facts.database.groups:
        return _problem(name, f"There is no group {wishes.pilot or ''} to call".replace("  ", " ") + ".", needs)
    if group is None:
        return Step(name, State.TO_DO, "A test call shows that all works.", "", "Call the group.", (), needs)
    phones = set() if facts.switch is None else set(phones_in(facts.switch, group.domain))
    ringing = [each.address.number for each in group.members if each.address.external or each.address.number in phones]
    if not ringing:
        return _problem(name, f"No member of {group.pilot} has a phone: register one, and {AGAIN}.", needs)
    return Step(
        name,
        State.TO_DO,
        f"A test call to {group.pilot} rings {', '.join(ringing)}.",
        "",
        f"Call {group.pilot}: the phones of {', '.join(ringing)} ring; who picks up hears nothing for some seconds.",
        (Do.CALL,),
        needs,
    )


def called_group(facts: Facts, wishes: Wishes) -> Group | None:
    """Return the group that the test call goes to: that of the pilot that is named, else the first one."""
    for group in facts.database.groups:
        if wishes.pilot in (None, group.pilot) and wishes.domain in (None, group.domain):
            return group
    return None
