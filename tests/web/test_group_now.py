"""What a group does now, on its page: states that daemons publish, the queue, and the next caller."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from fshunt.db.engine import Store
from fshunt.db.models import LiveWatch, WebSession
from fshunt.db.queries import daemons, live, queue
from fshunt.freeswitch.phones import PhoneCall, PhoneState
from fshunt.hunting.addresses import parse_member
from fshunt.services import accounts, groups, hours, members
from fshunt.services.live import Watched
from fshunt.services.live_feed import LiveFeed
from fshunt.services.serialize import utc
from fshunt.services.switch_phones import SeenPhones, SeenSwitch, WatchedNow, published
from fshunt.services.users import Scope
from fshunt.services.watchers import Credential, CredentialKind, Wish
from fshunt.settings import Settings
from fshunt.web.live.hub import HUB
from fshunt.web.now import Watches
from tests.web.people import ADMIN, DOMAIN, OTHER_PILOT, PILOT, Browser

PAGE = f"/groups/{DOMAIN}/{PILOT}"
NOW = f"{PAGE}/now"


def publish(store: Store, phones: dict[str, SeenPhones]) -> None:
    """Have a daemon that is alive publish what it sees of the group's phones."""
    at = datetime.now(UTC)
    with store.writing() as s:
        group = groups.get_group(s, DOMAIN, PILOT)
        daemons.write_heartbeat(s, "run", node="run", started_at=at, at=at, status={})
        seen = WatchedNow(SeenSwitch("pbx", phones=phones), "core")
        live.publish(s, "run", {group.id: published([seen])}, ())


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def watches(store: Store) -> dict[str, int]:
    with store.reading() as s:
        return {row.pilot: row.renewals for row in s.scalars(select(LiveWatch))}


def test_the_states_are_those_that_a_daemon_publishes(admin: Browser, office: Store) -> None:
    with office.writing() as s:
        members.add_members(s, DOMAIN, PILOT, [parse_member("1003")])
    since = (datetime.now(UTC) - timedelta(seconds=75)).timestamp()
    publish(
        office,
        {
            "1001": SeenPhones(True, calls=(PhoneCall("", PhoneState.TALKING, since, "4155550100"),)),
            "1002": SeenPhones(since=since),
            "1003": SeenPhones(True),
        },
    )
    for page in (PAGE, NOW):
        said = text_of(admin.get(page).text)
        assert re.search(r"1001 on a call for 1:1\d", said)
        assert "1002 no phone since" in said
        assert "1003 free" in said
        assert "Next caller rings 1003. After 18 s at the latest: Voicemail of 1001." in said
        assert "No daemon says" not in said


def test_without_a_daemon_it_says_so(admin: Browser) -> None:
    said = text_of(admin.get(NOW).text)
    assert "No daemon says what a switch sees" in said
    assert "1001 takes calls" in said


def test_queued_callers_come_first(admin: Browser, office: Store) -> None:
    publish(office, dict.fromkeys(("1001", "1002"), SeenPhones(True)))
    with office.writing() as s:
        group = groups.get_group(s, DOMAIN, PILOT)
        queue.join(
            s, "h", ["1001"], domain=DOMAIN, group_id=group.id, call_uuid="u", run_id="run", ticket=None,
            at=datetime.now(UTC),
        )  # fmt: skip
    said = text_of(admin.get(NOW).text)
    assert "1 caller waits in the queue" in said
    assert "1 caller waits in the queue and comes first. Next caller rings" in said


def test_the_daemons_are_told_that_somebody_looks_once_in_three_seconds(admin: Browser, office: Store) -> None:
    for page in (PAGE, NOW, NOW):
        admin.get(page)
    assert watches(office) == {PILOT: 1}


def test_a_watch_is_renewed_when_its_time_has_come(office: Store) -> None:
    seconds = [0.0]
    watched = Watches(office, lambda: seconds[0])
    for seconds[0] in (0.0, 2.9, 3.0, 5.0, 6.5):
        watched.renew(Watched(DOMAIN, PILOT))
    assert watches(office) == {PILOT: 3}


def test_a_page_that_is_left_open_keeps_no_session_alive(admin: Browser, office: Store) -> None:
    an_age = datetime.now(UTC) - timedelta(minutes=20)
    for page, kept in ((NOW, True), (PAGE, False)):
        with office.writing() as s:
            s.execute(update(WebSession).values(used_at=an_age))
        assert admin.get(page).status_code == 200
        with office.reading() as s:
            assert [row.used_at == an_age for row in s.scalars(select(WebSession))] == [kept]


def test_the_state_of_anothers_group_is_not_there(admin: Browser, member: Browser, office: Store) -> None:
    assert admin.get(f"/groups/{DOMAIN}/{OTHER_PILOT}/now").status_code == 404
    assert member.get(NOW).status_code == 404
    assert watches(office) == {}


def test_a_group_that_is_closed_by_hand_rings_nobody(admin: Browser, office: Store) -> None:
    with office.writing() as s:
        hours.close_group(s, DOMAIN, PILOT)
    assert "The group is closed (by hand): Voicemail of 1001." in text_of(admin.get(NOW).text)


def test_the_page_is_told_by_the_stream_and_takes_its_last_look(
    app: Flask, admin: Browser, office: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f'data-events="/api/v1/events?domain={DOMAIN}&amp;pilot={PILOT}"' in admin.get(PAGE).text
    looked = LiveFeed(office, Settings()).look([Wish(*_watch_of(office))])
    monkeypatch.setattr(app.extensions[HUB], "recent", lambda: looked)
    publish(office, {"1001": SeenPhones(True)})
    assert "1001 takes calls" in text_of(admin.get(NOW).text), "of the last look"
    assert "1001 free" in text_of(admin.get(PAGE).text), "as it is: a save must be seen at once"


def test_a_time_that_goes_on_can_be_counted_by_the_page(admin: Browser, office: Store) -> None:
    since = datetime.now(UTC) - timedelta(seconds=75)
    publish(office, {"1001": SeenPhones(True, calls=(PhoneCall("", PhoneState.TALKING, since.timestamp(), "1"),))})
    page = admin.get(NOW).text
    assert re.search(rf'on a call for <time data-ticks datetime="{utc(since)}">1:1\d</time>', page)
    assert "aria-live" not in page


def _watch_of(office: Store) -> tuple[Credential, str, str]:
    with office.writing() as s:
        token, _ = accounts.add_token(s, ADMIN, "wall", [Scope.READ])
    return Credential(CredentialKind.TOKEN, str(token.id)), DOMAIN, PILOT
