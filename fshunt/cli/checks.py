"""Whether the daemon could run: the database, the groups, and the addresses it listens on."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from fshunt.cli.app import App
from fshunt.cli.check_result import Check, failed, passed
from fshunt.cli.checks_at_switches import (
    GREETING,
    GREETING_SECONDS,
    SwitchChecks,
)
from fshunt.cli.running import health_at, other_database_at
from fshunt.errors import DatabaseError, FshuntError
from fshunt.hunting.group import Group
from fshunt.hunting.loops import loop_warnings
from fshunt.process import run_as
from fshunt.process.peers import Peers
from fshunt.process.run_as import User
from fshunt.services.cluster_health import count
from fshunt.settings import DEFAULT_FILE, Address, Settings


class AllGroups(NamedTuple):
    """The groups of all domains, if they could be read."""

    groups: tuple[Group, ...] = ()
    read: bool = False


def all_checks(app: App) -> list[Check]:
    """Check everything that the daemon needs."""
    from fshunt.services.switch_lines import SwitchLines

    app.become_owner()  # what the daemon may not read, this program may not either
    database, groups = check_database(app.settings), AllGroups()
    found = [database, *check_owner(app.settings, user_of_the_daemon(app))]
    if database.ok:
        groups, check = check_groups(app)
        found += [check, *check_daemons_database(app)]
    found += [check_listen(app.settings), check_metrics(app.settings), *check_web(app.settings)]
    with SwitchLines() as lines:
        switches = SwitchChecks(app.settings, groups.groups, lines)
        if groups.read:
            return [*found, *switches.all()]
        return [*found, *map(switches.switch, app.settings.switch)]


def check_web(settings: Settings) -> list[Check]:
    """Why the web pages could not start with these settings; nothing where they could."""
    try:
        settings.check_web()
    except FshuntError as error:
        return [failed("web pages", str(error))]
    return []


def check_database(settings: Settings) -> Check:
    """Whether the database can be reached, is up to date, and can be written."""
    from fshunt.db import migrate
    from fshunt.db.writable import why_not_writable

    try:
        status = migrate.check(settings.database_url)
    except DatabaseError as error:
        return failed("database", str(error))
    if not status.ok:
        return failed("database", status.sentence)
    why_not = why_not_writable(settings.database_url)
    return passed("database", status.sentence) if why_not is None else failed("database", why_not)


def check_daemons_database(app: App) -> list[Check]:
    """Whether the daemon of this host uses the same database; nothing where it does, or none answers."""
    address = app.settings.http_listen
    found = None if address is None else other_database_at(address, app.loaded, database_id(app.settings))
    return [] if found is None else [failed("daemon's database", found.message)]


def user_of_the_daemon(app: App) -> User | None:
    """The user whom the units run the daemon as, where root asks for the installation of this host."""
    if not run_as.is_root() or app.loaded.file != DEFAULT_FILE:
        return None
    try:
        return run_as.named(run_as.USUAL_NAME)
    except FshuntError:
        return None


def check_owner(settings: Settings, user: User | None) -> list[Check]:
    """Whether a file of the database belongs to another user than the daemon's: root can use it all the same."""
    from fshunt.services.setup_look import not_owned

    files = [] if user is None else not_owned(settings.database_url, user.uid)
    if user is None or not files:
        return []
    names = " ".join(map(str, files))
    return [
        failed(
            "database's owner",
            f"{names} {'belong' if len(files) > 1 else 'belongs'} to another user than {user.name}, as whom the daemon "
            f"runs. It cannot use the database. Run `chown {user.name}:{user.name} {names}`.",
        )
    ]


def database_id(settings: Settings) -> str | None:
    """Return the id of the database; None where it has none yet, or cannot be read."""
    from fshunt.db import migrate

    try:
        return migrate.check(settings.database_url).database_id
    except DatabaseError:
        return None


def check_groups(app: App) -> tuple[AllGroups, Check]:
    """Whether the groups of all domains can be read: their values are checked again for their kind."""
    from fshunt.services import hours

    try:
        domains, found = _read_all(app)
    except FshuntError as error:
        return AllGroups(), failed("groups", str(error))
    now, by_pilot = datetime.now(UTC), {(group.domain, group.pilot): group for group in found}
    doubtful = []
    for group in found:
        loops = loop_warnings(group, partial(_in_domain, by_pilot, group.domain))
        doubtful += [*group.warnings(), *loops, *hours.warnings_of(group, now)]
    fine = f"{count(len(found), 'group')} in {count(len(domains), 'domain')}."
    return AllGroups(tuple(found), read=True), Check("groups", fine, notes=tuple(doubtful))


def _read_all(app: App) -> tuple[list[str], list[Group]]:
    """Return the names of all domains, and the groups of them all."""
    from fshunt.db.queries.rows import domain_names
    from fshunt.services.groups import list_groups

    with app.store.reading() as session:
        domains = domain_names(session)
        return domains, [group for domain in domains for group in list_groups(session, domain)]


def _in_domain(groups: Mapping[tuple[str, str], Group], domain: str, pilots: Collection[str]) -> list[Group]:
    return [groups[domain, pilot] for pilot in pilots if (domain, pilot) in groups]


def check_listen(settings: Settings) -> Check:
    """Whether the address to listen on is free, or in use by a running fshunt."""
    try:
        _try_to_listen(settings.listen)
    except OSError as error:
        return _why_not(settings, error)
    return passed("listen", f"{settings.listen} is free.")


def check_metrics(settings: Settings) -> Check:
    """Whether the address of the metrics is free, or in use by whatever may be a running fshunt; see `check_listen`."""
    metrics = settings.http_listen
    if metrics is None:
        return passed("metrics", "Metrics and health are off (`http_listen`).")
    try:
        _try_to_listen(metrics)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _who_serves_metrics(metrics)
        return failed("metrics", f"cannot listen on {metrics}, see `http_listen`: {error.strerror}.")
    return passed("metrics", f"{metrics} is free.")


def _who_serves_metrics(metrics: Address) -> Check:
    """Whether it is a running fshunt: its health page shows that."""
    if health_at(metrics) is not None:
        return passed("metrics", f"A running fshunt listens on {metrics}.")
    return failed(
        "metrics",
        f"{metrics} is in use by another program: the daemon would run without metrics; see `http_listen`.",
    )


def _try_to_listen(listen: Address) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(*listen, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind(address)
        # Two programs may be bound to one port with SO_REUSEADDR; only one may listen.
        tried.listen(1)


def _why_not(settings: Settings, error: OSError) -> Check:
    listen = settings.listen
    if error.errno == errno.EADDRINUSE:
        return _who_listens(settings)
    if error.errno == errno.EADDRNOTAVAIL:
        return failed("listen", f"This host has no address {listen.host}: set `listen` to one of its addresses.")
    if error.errno == errno.EACCES:
        return failed("listen", f"No permission to listen on port {listen.port}: set `listen` to a port above 1023.")
    return failed("listen", f"cannot listen on {listen}: {error.strerror}.")


def _who_listens(settings: Settings) -> Check:
    address = settings.listen.reachable()
    try:
        with socket.create_connection(address, timeout=GREETING_SECONDS) as connection:
            ours = connection.getsockname()[0]
            greeted = connection.recv(len(GREETING)) == GREETING
    except TimeoutError:
        return failed(
            "listen",
            f"{settings.listen} accepts connections and sends nothing: if it belongs to fshunt.socket, see "
            "`systemctl status fshunt`; otherwise stop the program that uses it, or set `listen` to another port.",
        )
    except OSError:
        ours, greeted = None, False
    if greeted:
        return passed("listen", f"A running fshunt listens on {settings.listen}.")
    # Without allowed peers the daemon listens on loopback only, which is always allowed.
    if ours is not None and ours not in Peers(settings.allowed_peers):
        sentence = (
            f"{settings.listen} is in use; cannot tell by which program, because {ours} is not in `allowed_peers`."
        )
        return Check("listen", notes=(sentence,))
    return failed(
        "listen", f"{settings.listen} is in use by another program: stop it, or set `listen` to another port."
    )
