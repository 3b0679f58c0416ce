"""`fshunt status` says why no daemon of its host runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fshunt.cli import none_runs
from fshunt.cli.none_runs import why_none_runs
from fshunt.settings import Settings
from fshunt.settings.values import Address


def sentences(port: int, file: str | None, *, living: bool = False) -> list[str]:
    settings = Settings(database_url="sqlite:////nowhere/fshunt.db", listen=Address("127.0.0.1", port))
    app: Any = SimpleNamespace(settings=settings, loaded=SimpleNamespace(file=file))
    state: Any = SimpleNamespace(living=[object()] if living else [])
    return [each.message for each in why_none_runs(app, state)]


@pytest.fixture(autouse=True)
def _its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(none_runs, "DEFAULT_FILE", "the file of this host")


def test_a_port_that_another_program_has(neighbour, free_port) -> None:
    neighbour(b"SSH-2.0-OpenSSH\r\n")
    (said,) = sentences(free_port, "the file of this host")
    assert said.startswith(f"127.0.0.1:{free_port} is in use by another program: stop it, or set `listen`")
    assert sentences(free_port, "another file") == []
    assert sentences(free_port, "the file of this host", living=True) == []


def test_a_file_that_belongs_to_another(monkeypatch, free_port, tmp_path) -> None:
    monkeypatch.setattr("fshunt.cli.none_runs.check_listen", lambda _: SimpleNamespace(problems=()))
    monkeypatch.setattr("fshunt.cli.none_runs.user_of_the_daemon", lambda _: SimpleNamespace(name="fshunt", uid=4))
    monkeypatch.setattr("fshunt.services.setup_look.not_owned", lambda *_: (tmp_path / "fshunt.db",))
    (said,) = sentences(free_port, "the file of this host")
    assert said.endswith(f"Run `chown fshunt:fshunt {tmp_path}/fshunt.db`.")
