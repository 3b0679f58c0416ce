"""The steps of `fshunt setup` as they are done: with hands that note what they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fshunt.errors import FshuntError
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame
from fshunt.services.setup_apply import RELOAD_TRIES, Hands, apply
from fshunt.services.setup_facts import LetInBy
from fshunt.services.setup_steps import Do, Run, WriteFile

from .setup_facts import OURS, all_done, switch


@dataclass
class FakeSwitch:
    """Lets in who has its password; the new one from the login on that is given."""

    password: str = "ClueCon"
    takes_it_after: int = 0
    said: list[str] = field(default_factory=list)
    logins: int = 0
    answer: str = "+OK [Success]"

    @contextmanager
    def login(self, _address: Any, password: str) -> Iterator[FakeSwitch]:
        reloaded = "api bgapi reload mod_event_socket" in self.said
        self.logins += reloaded
        current = OURS if reloaded and self.logins > self.takes_it_after else self.password
        if password != current:
            raise FshuntError("It refuses the password.")
        yield self

    def send(self, command: Command, timeout: float) -> Frame:
        raise AssertionError("nothing is sent alone")

    def send_all(self, said: list[Command], timeout: float) -> list[Frame]:
        self.said += [each.lines[0] for each in said]
        return [Frame(b"Content-Type: api/response\n\n", self.answer.encode()) for _ in said]


def hands(fake: FakeSwitch, ran: list[tuple[str, ...]] | None = None) -> Hands:
    def nobody() -> Any:
        raise AssertionError("no database is needed")

    return Hands(
        run=lambda words: (ran if ran is not None else []).append(tuple(words)),
        login=fake.login,
        become_owner=nobody,
        writing=nobody,
        reading=nobody,
        now=lambda: datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        sleep=lambda _seconds: None,
    )


def with_public_password() -> Any:
    return all_done(switch=switch("1001", let_in_by=LetInBy.SHIPPED))


def test_the_event_socket_is_reloaded_until_it_takes_the_new_password():
    fake = FakeSwitch(takes_it_after=3)
    assert list(apply([Do.RELOAD_XML, Do.RELOAD_EVENT_SOCKET], with_public_password(), hands(fake))) == []
    assert fake.said == ["api reloadxml", "api bgapi reload mod_event_socket"]
    assert fake.logins == 4


def test_an_event_socket_that_is_in_use_is_told():
    fake = FakeSwitch(takes_it_after=RELOAD_TRIES + 1)
    with pytest.raises(FshuntError, match="does not while a daemon has a call"):
        list(apply([Do.RELOAD_EVENT_SOCKET], with_public_password(), hands(fake)))


def test_files_that_freeswitch_refuses_are_told():
    fake = FakeSwitch(password=OURS, answer="+OK [error near line 3]: unclosed tag")
    with pytest.raises(FshuntError, match=r"did not load its files: \+OK \[error near line 3\]"):
        list(apply([Do.RELOAD_XML], all_done(), hands(fake)))


def test_the_rest_is_not_done_after_a_failure(tmp_path):
    ran: list[tuple[str, ...]] = []
    (tmp_path / "file").write_text("no folder")
    actions = [WriteFile(tmp_path / "file" / "a", b"x"), Run(("systemctl", "reload", "fshunt"))]
    with pytest.raises(FshuntError, match="cannot be made"):
        list(apply(actions, all_done(), hands(FakeSwitch(), ran)))
    assert ran == []


@pytest.mark.parametrize(("group_id", "mode"), [(None, 0o600), (0, 0o640)])
def test_a_secret_is_for_the_daemon_alone(tmp_path, group_id, mode):
    facts = all_done()
    facts = replace(facts, host=replace(facts.host, group_id=group_id))
    file = tmp_path / "etc" / "event_socket"
    assert list(apply([WriteFile(file, b"x\n", secret=True)], facts, hands(FakeSwitch()))) == []
    assert file.stat().st_mode & 0o777 == mode
    file.chmod(0o644)
    (note,) = apply([WriteFile(file, b"y\n", secret=True)], facts, hands(FakeSwitch()))
    assert file.stat().st_mode & 0o007 == 0
    assert Path(note.removeprefix("A copy of what was there is ").removesuffix(".")).read_bytes() == b"x\n"
