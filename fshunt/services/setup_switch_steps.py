"""The steps of `fshunt setup` at FreeSWITCH's event socket: who may log in there, and with which password."""

from __future__ import annotations

from fshunt.freeswitch import fs_cli_conf
from fshunt.freeswitch.conf_files import UnreadableConf, with_param
from fshunt.services.setup_facts import Facts, LetInBy, Silence
from fshunt.services.setup_steps import (
    AGAIN,
    PUBLIC_PASSWORDS,
    SHARED_SECRET_MODE,
    USER,
    Do,
    Run,
    State,
    Step,
    Wishes,
    WriteFile,
    calls_up,
    done,
    problem,
)


def freeswitch(facts: Facts) -> Step:
    """The running switch."""
    name, where = "freeswitch", facts.socket.address
    if facts.switch is not None:
        told = facts.switch.conf
        if told is not None:
            return problem(
                name, f"FreeSWITCH at {where} reads its files from {told}, not from {facts.conf}: add `--conf {told}`."
            )
        version = f"FreeSWITCH {facts.switch.version or 'of an unknown version'}"
        return done(name, f"{version} answers at {where}.")
    silence = facts.silence or Silence("FreeSWITCH does not answer.")
    if silence.wrong_address:
        return problem(name, f"{silence.sentence} Allow it, reload FreeSWITCH's event socket, and {AGAIN}.")
    if silence.runs:
        return problem(name, f"{silence.sentence} Then {AGAIN}.")
    if silence.wrong_password:
        return problem(
            name,
            f"FreeSWITCH at {where} refuses the password of {facts.socket.path}: it was started with another one. "
            f"Restart FreeSWITCH while no call is up, and {AGAIN}.",
        )
    return problem(
        name, f"{silence.sentence.rstrip('.')}. Start it, for example by `systemctl start freeswitch`, and {AGAIN}."
    )


def password(facts: Facts, wishes: Wishes) -> Step:
    """The password in its file."""
    name, socket = "event-socket", facts.socket
    if socket.password not in PUBLIC_PASSWORDS:
        return done(name, f"The event socket has a password of its own in {socket.path}.")
    new = facts.kept if facts.kept not in (None, *PUBLIC_PASSWORDS) else wishes.new_password
    assert new is not None
    try:
        content = with_param(socket.content, "password", new)
    except UnreadableConf as error:
        return problem(name, f"{socket.path} {error}", ("freeswitch",))
    return Step(
        name,
        State.TO_DO,
        "FreeSWITCH's event socket has the public password that it is shipped with.",
        "Everybody who reaches its port can run anything on this host.",
        f"Write a new password into {socket.path}.",
        (WriteFile(socket.path, content),),
        ("freeswitch",),
    )


def reload(facts: Facts) -> Step:
    """The password that it runs with."""
    name, needs = "event-socket-reload", ("freeswitch", "event-socket")
    if facts.switch is None:
        return problem(name, "FreeSWITCH does not answer.", needs)
    if facts.switch.let_in_by is LetInBy.ITS_FILE and facts.socket.password not in PUBLIC_PASSWORDS:
        return done(name, "FreeSWITCH takes the password of its file.")
    return Step(
        name,
        State.TO_DO,
        "FreeSWITCH does not know the new password yet.",
        "Nobody who has the new one gets in.",
        f"Reload FreeSWITCH's event socket: {calls_up(facts.switch)}, and none is cut (FreeSWITCH refuses it while a "
        "daemon has one). Each other program that uses the event socket needs the new password from then on.",
        (Do.RELOAD_XML, Do.RELOAD_EVENT_SOCKET),
        needs,
    )


def password_file(facts: Facts) -> Step:
    """Our copy of the password."""
    name, file = "password-file", facts.password_file
    if facts.kept == facts.socket.password and facts.host.secret_is_hidden:
        runs = (Run(("chown", f"root:{USER}", str(file))), Run(("chmod", f"{SHARED_SECRET_MODE:o}", str(file))))
        what, change = (
            f"The user {USER}, as whom the daemon runs, cannot read {file}.",
            f"Run `{runs[0]} && {runs[1]}`.",
        )
        return Step(name, State.TO_DO, what, "The daemon does not know who is on a call.", change, runs, ("user",))
    if facts.kept == facts.socket.password:
        return done(name, f"{file} has the event socket's password.")
    what = f"{file} has another password than FreeSWITCH's file." if file.exists() else f"There is no file {file}."
    return Step(
        name,
        State.TO_DO,
        what,
        "The daemon asks FreeSWITCH who is on a call, and logs in with it.",
        f"Write the event socket's password into {file}, which only fshunt can read.",
        (WriteFile(file, f"{facts.socket.password}\n".encode(), secret=True),),
        ("user", "event-socket-reload"),
    )


def fs_cli(facts: Facts) -> tuple[Step, ...]:
    """What `fs_cli`, which documents and sentences name, logs in with. No step where its file is not ours to write."""
    name, found = "fs-cli", facts.fs_cli
    if found is None:
        return ()
    by_hand = f'`fs_cli -p "$(cat {facts.password_file})"`'
    address, password = facts.socket.address, facts.socket.password
    try:
        text = (found.content or b"").decode()
    except UnicodeDecodeError:
        return (done(name, f"{found.file} is not in UTF-8, and stays as it is: use {by_hand}."),)
    if not fs_cli_conf.can_say(password):
        return (done(name, f"The event socket's password cannot stand in {found.file}: use {by_hand}."),)
    wanted = {"host": address.host, "port": str(address.port), "password": password}
    if fs_cli_conf.values_of(text) == wanted:
        return (done(name, f"`fs_cli` logs in by {found.file}."),)
    step = Step(
        name,
        State.TO_DO,
        f"`fs_cli` does not know the event socket's password; {by_hand} does.",
        "`fs_cli -x status` and the like, as documents show them, are refused.",
        f"Write it into {found.file}, which only root and members of the group {USER} can read.",
        (WriteFile(found.file, fs_cli_conf.with_values(text, wanted).encode(), secret=True),),
        ("user", "event-socket-reload"),
    )
    return (step,)
