"""What commands need only when they run, each module imported when it is first named: `late.groups.get_group(...)`.

The modules bring SQLAlchemy, which takes far longer to import than all of the command line; help and TAB do not wait
for it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fshunt.cli import block_page as block_page
    from fshunt.cli import call_page as call_page
    from fshunt.cli import checks as checks
    from fshunt.cli import forecast_page as forecast_page
    from fshunt.cli import group_page as group_page
    from fshunt.cli import nagios as nagios
    from fshunt.cli import none_runs as none_runs
    from fshunt.cli import running as running
    from fshunt.cli import setup_host as setup_host
    from fshunt.cli import setup_run as setup_run
    from fshunt.cli import status_at_switches as status_at_switches
    from fshunt.cli import status_page as status_page
    from fshunt.cli import terminal as terminal
    from fshunt.cli import top_screen as top_screen
    from fshunt.db import migrate as migrate
    from fshunt.db import words as words
    from fshunt.db.queries import calls as calls
    from fshunt.db.queries import queue as queue
    from fshunt.db.queries import rows as rows
    from fshunt.services import accounts as accounts
    from fshunt.services import audit as audit
    from fshunt.services import boards as boards
    from fshunt.services import call_feed as call_feed
    from fshunt.services import call_story as call_story
    from fshunt.services import callbacks as callbacks
    from fshunt.services import cluster_health as cluster_health
    from fshunt.services import destination_checks as destination_checks
    from fshunt.services import domains as domains
    from fshunt.services import event_feed as event_feed
    from fshunt.services import events as events
    from fshunt.services import feature_checks as feature_checks
    from fshunt.services import first_calls as first_calls
    from fshunt.services import forecast as forecast
    from fshunt.services import groups as groups
    from fshunt.services import holiday_file as holiday_file
    from fshunt.services import hours as hours
    from fshunt.services import limits as limits
    from fshunt.services import live as live
    from fshunt.services import member_states as member_states
    from fshunt.services import members as members
    from fshunt.services import notices as notices
    from fshunt.services import passwords as passwords
    from fshunt.services import pilot_findings as pilot_findings
    from fshunt.services import pilot_tables as pilot_tables
    from fshunt.services import pruning as pruning
    from fshunt.services import random_secrets as random_secrets
    from fshunt.services import serialize as serialize
    from fshunt.services import setup_steps as setup_steps
    from fshunt.services import switch_checks as switch_checks
    from fshunt.services import switch_lines as switch_lines
    from fshunt.services import top_view as top_view
    from fshunt.services import undo as undo
else:
    PACKAGES = ("fshunt.services", "fshunt.db.queries", "fshunt.db", "fshunt.cli")

    def __getattr__(name: str) -> ModuleType:
        for package in PACKAGES:
            if find_spec(f"{package}.{name}") is not None:
                return import_module(f"{package}.{name}")
        raise AttributeError(name)
