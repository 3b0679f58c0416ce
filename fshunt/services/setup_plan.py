"""What `fshunt setup` would do on a host, from what it has found there. Pure: a plan is values, and changes nothing.

Each step is done, can be done, or has a problem. A plan that is made anew after its steps were done has nothing to do.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence

from fshunt.services import setup_group_steps, setup_switch_steps
from fshunt.services.setup_facts import Facts
from fshunt.services.setup_steps import (
    AGAIN,
    HOME,
    OPEN_MODE,
    UNITS,
    USER,
    Action,
    Do,
    Run,
    State,
    Step,
    Wishes,
    WriteFile,
    done,
    problem,
)


def plan(facts: Facts, wishes: Wishes) -> dict[str, Step]:
    """Return all steps in the order in which they are done, by name."""
    steps = [
        setup_switch_steps.freeswitch(facts),
        _user(facts),
        setup_switch_steps.password(facts, wishes),
        setup_switch_steps.reload(facts),
        setup_switch_steps.password_file(facts),
        *setup_switch_steps.fs_cli(facts),
        _settings(facts),
        _database(facts),
        setup_group_steps.first_group(facts, wishes),
        setup_group_steps.dialplan(facts),
        _daemon(facts),
        setup_group_steps.test_call(facts, wishes),
    ]
    return {step.name: step for step in steps}


def _user(facts: Facts) -> Step:
    name, host = "user", facts.host
    if host.is_usual and not host.is_root:
        return problem(
            name,
            f"{host.user} may not change the settings and FreeSWITCH's files: run it as root, by `sudo fshunt setup`.",
        )
    if not host.is_usual:
        return done(name, f"The files belong to {host.user}, who runs this command.")
    if host.has_user:
        return done(name, f"There is a user {USER}.")
    words = ("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", HOME)
    run = Run((*words, "--shell", "/usr/sbin/nologin", USER))
    why = "The daemon does not run as root."
    return Step(name, State.TO_DO, f"There is no user {USER}.", why, f"Make the user by `{run}`.", (run,))


def _settings(facts: Facts) -> Step:
    name, file = "settings", facts.settings.file
    if facts.settings.loaded is None:
        return problem(name, facts.settings.problem)
    address = facts.socket.address
    if facts.watched is not None:
        return done(name, f"The settings have the switch {facts.watched.name}.")
    if facts.settings.loaded.sources["switch"] == "environment":
        return problem(name, f"FSHUNT_SWITCH is set and lacks {address}={facts.password_file}: add it there.")
    content = _with_switch(facts)
    if content is None:
        return problem(name, f"{file} has `switch` in a form that takes no further table: add the [[switch]] yourself.")
    actions: tuple[Action, ...] = (WriteFile(file, content, mode=OPEN_MODE),)
    if facts.daemon.running and facts.host.is_usual and facts.host.systemd:
        actions = (*actions, Run(("systemctl", "reload", "fshunt")))
    return Step(
        name,
        State.TO_DO,
        f"{file} does not name FreeSWITCH." if facts.settings.content is not None else f"There is no file {file}.",
        "The daemon does not know who is on a call.",
        f"Write the [[switch]] {address} into {file}{_and_then(facts, actions)}.",
        actions,
        ("user", "password-file"),
    )


def _and_then(facts: Facts, actions: Sequence[Action]) -> str:
    """How the daemon gets to know of it."""
    run = "".join(f", and run `{each}`" for each in actions if isinstance(each, Run))
    return run or ("; the daemon that runs reads it when it is started again" if facts.daemon.running else "")


HEAD = "# The settings of fshunt; `fshunt config check` shows and checks them.\n"


def _with_switch(facts: Facts) -> bytes | None:
    """The settings file with this FreeSWITCH; None where a table cannot be put at its end."""
    address, quoted = facts.socket.address, json.dumps(str(facts.password_file), ensure_ascii=False)
    table = f'[[switch]]\nhost = "{address.host}"\nport = {address.port}\npassword_file = {quoted}\n'
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
    if found.ok and facts.host.not_ours:
        run = Run(("chown", f"{USER}:{USER}", *map(str, facts.host.not_ours)))
        what = f"The database belongs to another user than {USER}, as whom the daemon runs."
        return Step(name, State.TO_DO, what, "The daemon cannot write it.", f"Run `{run}`.", (run,), needs)
    if found.ok:
        return done(name, found.sentence)
    if found.problem:
        return problem(name, found.sentence, needs)
    change = "Make its tables, or bring them up to date, as `fshunt db upgrade` does; data that are there stay."
    why = "Groups and the records of calls are kept there."
    return Step(name, State.TO_DO, found.sentence, why, change, (Do.UPGRADE_DATABASE,), needs)


def _daemon(facts: Facts) -> Step:
    name, needs, daemon = "daemon", ("settings", "database", "password-file"), facts.daemon
    if facts.settings.loaded is None:
        return problem(name, facts.settings.problem, needs)
    listen = facts.set.listen
    ours = facts.database.identity
    if daemon.running and daemon.database_id and ours and daemon.database_id != ours:
        return problem(
            name,
            f"The daemon whose health is at {facts.set.http_listen} uses another database than this command: give both "
            "the same `database_url`, and run `systemctl restart fshunt`.",
            needs,
        )
    if daemon.running:
        return done(name, f"The daemon answers at {listen}.")
    if daemon.problem:
        return problem(name, daemon.problem, needs)
    start = Run(("systemctl", "enable", "--now", *UNITS))
    what, why = f"No daemon runs at {listen}.", "Callers go to voicemail without one."
    if facts.host.systemd and facts.host.has_unit and facts.host.is_usual and facts.host.is_root:
        return Step(name, State.TO_DO, what, why, f"Start it by `{start}`.", (start,), needs)
    how = f"`{start}`" if facts.host.systemd and facts.host.has_unit else "`fshunt serve`"
    return problem(name, f"{what} {why} Start it by {how}, and {AGAIN}.", needs)
