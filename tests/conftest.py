"""What all tests share."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import pytest

from tests.support import clock

gc.disable()  # until all is imported and all tests are collected: until then, next to nothing is garbage
clock.install()  # before anything of fshunt is imported

# isort: split
from tests.support import examples, postgres, selection, shared_statements  # noqa: E402 (see above)
from tests.support.databases import (  # noqa: E402, F401 (fixtures)
    database_url,
    empty_database_url,
    migrated_sqlite_file,
    own_postgres,
    postgres_databases,
    postgres_server,
    postgres_url,
    sqlite_url,
    store,
)

examples.register_profiles()
shared_statements.share()

# A shell has what it runs in the background ignore Ctrl-C, and `nohup` the end of its terminal: every command that a
# test starts would inherit that.
for number, how in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, how)


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """Give back the signals that a command changed for its process: ``serve`` in this one ignores two of them."""
    before = {each: signal.getsignal(each) for each in (signal.SIGHUP, signal.SIGUSR1)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` leaves to `make test-faults`."""
    selection.mark_second_databases(items)


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what is there by now, and come less often: it was a fifth of all costs."""
    gc.freeze()
    gc.set_threshold(5000, 10, 10)
    gc.enable()


def pytest_report_header() -> str:
    """Say which PostgreSQL the tests use."""
    return postgres.describe()
