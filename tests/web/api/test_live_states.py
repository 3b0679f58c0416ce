"""What members do now: programs that ask again have what the daemons publish."""

from __future__ import annotations

from datetime import UTC, datetime

from fshunt.db.queries import daemons, live
from fshunt.services import groups
from fshunt.services.live import RENEW_SECONDS, Watched
from fshunt.services.switch_phones import SeenPhones, SeenSwitch, WatchedNow, published
from fshunt.web.api.now import Watches
from tests.web.api.conftest import GROUP


def test_a_program_that_asks_is_a_reason_to_publish_and_has_what_is_published(of_admin, office):
    of_admin.get(f"{GROUP}/members")
    now = datetime.now(UTC)
    seen = SeenSwitch("pbx", phones={"1001": SeenPhones(registered=True), "1002": SeenPhones()})
    with office.writing() as s:
        assert live.watches(s) == {Watched("pbx.test", "5000"): 1}
        daemons.write_heartbeat(s, "run", node="run", started_at=now, at=now, status={})
        group = groups.get_group(s, "pbx.test", "5000")
        live.publish(s, "run", {group.id: published([WatchedNow(seen, "c1", None)])}, ())
    answer = of_admin.get(f"{GROUP}/members").json
    assert [each["state"] for each in answer["members"]] == ["free", "unregistered"]
    assert answer["warnings"] == []
    skipped = of_admin.get(f"{GROUP}/next").json["next"]["skips"]
    assert [(each["extension"], each["reason"]) for each in skipped] == [("1002", "unregistered")]


def test_a_watch_is_not_written_by_each_request():
    now = 0.0
    watches = Watches(lambda: now)
    one, other = Watched("pbx.test", "5000"), Watched("pbx.test", "6000")
    assert [watches.is_due(one), watches.is_due(one), watches.is_due(other)] == [True, False, True]
    now = RENEW_SECONDS
    assert watches.is_due(one)
