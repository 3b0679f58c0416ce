"""Which phones of a member ring: those of the group's domain, each once (design, sections 3 and 4)."""

from __future__ import annotations

from fshunt.simulator.core.phones import answers
from tests.support.rig import Rig, passed, rang

TALKS = answers(0.02, talks=0.05)


def test_the_other_tenants_phone_of_the_same_number_never_rings(watched_rig: Rig) -> None:
    watched_rig.switch.registrations.share_profile("office.test", "other.test")
    watched_rig.group("5000", "1001", "1002")
    theirs = [watched_rig.switch.phone(user, TALKS, domain="other.test") for user in ("1001", "1002")]
    (ours,) = watched_rig.phones("1002", behaviour=TALKS)
    for count in (1, 2):  # the first call learns the SIP profile
        record = watched_rig.call()
        assert (passed(record), rang(record)) == ([("1001", "unregistered")], [("1002", "answered")])
        assert len(ours.rings) == count
    assert [phone.rings for phone in theirs] == [[], []]


def test_one_phone_that_registered_twice_is_rung_once(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    contacts = [f"sip:1001@127.0.0.1:5060;rinstance={name}" for name in ("old", "new")]
    old, new = (light_rig.switch.phone("1001", TALKS, contact=contact) for contact in contacts)
    (other,) = light_rig.phones("1001")
    record = light_rig.call()
    assert rang(record) == [("1001", "answered")]
    assert record.offers[0].phones == 2
    assert [len(phone.rings) for phone in (old, new, other)] == [0, 1, 1]


def test_a_member_whose_extension_begins_with_a_plus_is_a_member_like_any_other(watched_rig: Rig) -> None:
    watched_rig.group("5000", "+1001", voicemail="+1001")
    (phone,) = watched_rig.phones("+1001", behaviour=TALKS)
    watched_rig.phones("1001", behaviour=answers(0.02))  # that call goes on until we end it
    assert rang(watched_rig.call()) == [("+1001", "answered")]
    assert len(phone.rings) == 1
    made = watched_rig.switch.call_from(phone, "1001")
    watched_rig.until(lambda: watched_rig.daemon.deps.monitor.look("office.test", "+1001").calls, "the call is seen")
    record = watched_rig.call()
    assert (passed(record), record.result) == ([("+1001", "on-call")], "voicemail")
    assert watched_rig.switch.messages[-1].box == "+1001"
    made.hang_up()
