"""For `fshunt status`: why no daemon runs on this host, where this command can tell."""

from __future__ import annotations

from collections.abc import Iterator

from fshunt.cli.app import App
from fshunt.cli.checks import check_listen, check_owner, user_of_the_daemon
from fshunt.services.cluster_state import ClusterHealth, Code, Finding
from fshunt.settings import DEFAULT_FILE


def why_none_runs(app: App, state: ClusterHealth) -> Iterator[Finding]:
    """Yield what keeps the daemon of this host from its database or its port; nothing if one of any host is alive.

    Only where the settings are those of the host: others say nothing of what its units run.
    """
    if state.living or app.loaded.file != DEFAULT_FILE:
        return
    for check in (*check_owner(app.settings, user_of_the_daemon(app)), check_listen(app.settings)):
        for problem in check.problems:
            yield Finding(Code.NO_DAEMON, problem)
