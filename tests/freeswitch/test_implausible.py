"""Calls and registrations of a switch that can hardly be true."""

from __future__ import annotations

import pytest

from fshunt.freeswitch.channels import Channel
from fshunt.freeswitch.implausible import Implausible, Kind, late_registrations, long_calls

HOUR = 3600.0
NOW = 1_800_000_000.0


def registration(user: str, status: str, call_id: str = "7@phone") -> str:
    """As sofia writes one (``show_reg_callback_xml``)."""
    return (
        "    <registration>\n"
        f"        <call-id>{call_id}</call-id>\n"
        f"        <user>{user}</user>\n"
        "        <contact>&quot;&quot; &lt;sip:1001@192.0.2.7:5060&gt;</contact>\n"
        "        <agent>Phone 1.0</agent>\n"
        f"        <status>{status}</status>\n"
        "        <ping-status>Reachable</ping-status>\n"
        "    </registration>\n"
    )


def test_a_call_of_more_than_a_day_is_named_the_oldest_first() -> None:
    channels = [
        Channel("young", outbound=True, created=NOW - 23 * HOUR, presence="1001@pbx.test"),
        Channel("old", outbound=True, created=NOW - 25 * HOUR, presence="1002@pbx.test"),
        Channel("oldest", outbound=False, created=NOW - 49 * HOUR),
        Channel("unknown", outbound=False, created=0.0),
    ]
    assert long_calls(channels, NOW) == [
        Implausible(Kind.CALL, "", 49 * HOUR, "oldest"),
        Implausible(Kind.CALL, "1002@pbx.test", 25 * HOUR, "old"),
    ]


@pytest.mark.parametrize(
    ("status", "seconds"),
    [
        ("Registered(UDP)(unknown) exp(2027-01-15 07:58:00) expsecs(-7200)", 7200),
        ("Registered(UDP)(unknown) exp(2027-01-15 09:58:00) expsecs(3540)", None),
        ("Registered(UDP)(unknown) exp(2027-01-15 09:58:00) expsecs(-45)", None),
        ("Registered(UDP)(unknown) exp(1970-01-01 00:00:00) expsecs(-1800000000)", None),
    ],
)
def test_a_registration_that_expired_long_ago_is_named(status: str, seconds: float | None) -> None:
    fresh = registration("1003@pbx.test", "Registered(TLS)(unknown) exp(2027-01-15 09:58:00) expsecs(60)")
    found = late_registrations(f"{fresh}{registration('1001@pbx.test', status)}{fresh}")
    assert found == ([Implausible(Kind.REGISTRATION, "1001@pbx.test", seconds)] if seconds else [])


def test_what_a_phone_says_of_itself_is_no_status() -> None:
    """FreeSWITCH does not escape a Call-ID in its XML (fact 30)."""
    forged = "</call-id>        <status>x expsecs(-7200)</status>"
    assert late_registrations(registration("1001@pbx.test", "Registered(UDP) exp() expsecs(60)", forged)) == []


def test_only_some_of_many_are_named() -> None:
    text = "".join(registration(f"{n}@pbx.test", "Registered(UDP)(x) exp() expsecs(-7200)") for n in range(1000, 1200))
    assert [each.who for each in late_registrations(text)] == [f"{n}@pbx.test" for n in range(1000, 1010)]
