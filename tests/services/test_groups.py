import pytest

from fshunt.errors import BadValue, Conflict, NotFound, UsageError
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.group import Group
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from tests.support.small_office import DOMAIN, PILOT, addresses, extensions, look, make_office

EVERYTHING = {
    "name": "Sales & more",
    "policy": "weighted",
    "ring_time": RingTime(seconds=12.5),
    "voicemail": "1099",
    "cycles": 3,
    "hunt_timeout": 90.0,
    "prefix": "Sales",
    "music": "local_stream://moh",
    "call_waiting": True,
    "wrap_up_seconds": 4.5,
    "on_no_answer": parse_destination("voicemail:1005"),
    "on_busy": parse_destination("transfer:5001"),
    "on_unreachable": parse_destination("hangup:USER_BUSY"),
    "enabled": False,
}


def test_a_group_has_the_defaults_of_the_design(store):
    made = make_office(store)
    assert made == Group(id=made.id, domain=DOMAIN, pilot=PILOT)
    assert look(store) == made


def test_every_setting_is_kept(store):
    made = make_office(store, **EVERYTHING)
    assert {name: getattr(look(store), name) for name in EVERYTHING} == EVERYTHING
    assert look(store) == made


def test_every_setting_can_be_changed_and_cleared(store):
    make_office(store)
    with store.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, **EVERYTHING)
    assert {name: getattr(look(store), name) for name in EVERYTHING} == EVERYTHING
    with store.writing() as s:
        changed = groups.set_group(s, DOMAIN, PILOT, voicemail=None, music=None, prefix=None, hunt_timeout=None)
    assert (changed.voicemail, changed.music, changed.prefix, changed.hunt_timeout) == (None, None, None, None)
    assert look(store) == changed
    assert changed.cycles == 3


BAD = [
    ("pilot", "50 00"),
    ("pilot", "${x}"),
    ("name", "Sales: Lab"),
    ("policy", "ciruclar"),
    ("voicemail", "1001,1002"),
    ("voicemail", ""),
    ("cycles", 0),
    ("cycles", 101),
    ("hunt_timeout", 0.0),
    ("hunt_timeout", float("nan")),
    ("hunt_timeout", float("inf")),
    ("prefix", "{a=b}"),
    ("music", "shell://x"),
    ("wrap_up_seconds", -1.0),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_what_may_not_be_stored_is_refused_when_it_is_added(store, field, value):
    given = {"pilot": PILOT} | {field: value}
    with pytest.raises(UsageError, match=r"^[^\n]+[.?]$"), store.writing() as s:
        groups.add_group(s, DOMAIN, given.pop("pilot"), **given)
    with store.reading() as s, pytest.raises(NotFound):
        groups.list_groups(s, DOMAIN)


@pytest.mark.parametrize(("field", "value"), [row for row in BAD if row[0] != "pilot"])
def test_what_may_not_be_stored_is_refused_when_it_is_set(store, field, value):
    made = make_office(store)
    with pytest.raises(UsageError), store.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, **{"cycles": 2, field: value})
    assert look(store) == made


def test_a_bad_domain_is_refused(store):
    with pytest.raises(BadValue), store.writing() as s:
        groups.add_group(s, "pbx test", PILOT)


def test_an_unknown_pilot_names_the_nearest(store):
    make_office(store)
    make_office(store, pilot="5100")
    with store.reading() as s:
        with pytest.raises(NotFound, match=r"^There is no group 500 in pbx\.test: did you mean 5000"):
            groups.get_group(s, DOMAIN, "500")
        with pytest.raises(NotFound, match=r"^There is no group 999 in pbx\.test: there are 5000, 5100\.$"):
            groups.get_group(s, DOMAIN, "999")


def test_an_unknown_domain_names_the_nearest(store):
    make_office(store)
    with (
        store.reading() as s,
        pytest.raises(NotFound, match=r"^There is no domain pbx\.tst: did you mean pbx\.test\?$"),
    ):
        groups.list_groups(s, "pbx.tst")


def test_a_pilot_is_taken_once_in_a_domain_and_again_in_another(store):
    make_office(store)
    with pytest.raises(Conflict, match=r"^Group 5000 of pbx\.test exists already"):
        make_office(store)
    with store.writing() as s:
        groups.add_group(s, "other.test", PILOT)
        assert [g.pilot for g in groups.list_groups(s, "other.test")] == [PILOT]


def test_a_domain_that_differs_only_in_case_is_refused(store):
    make_office(store)
    with pytest.raises(Conflict, match=r"written pbx\.test"), store.writing() as s:
        groups.add_group(s, "PBX.test", "5001")


def test_a_member_cannot_become_a_pilot(store):
    make_office(store, "1001")
    with pytest.raises(Conflict, match="1001 is an extension, a member of 5000"):
        make_office(store, pilot="1001")


def test_renumbering_keeps_everything_else(store):
    before = make_office(store, "1001", "1002", **EVERYTHING)
    with store.writing() as s:
        groups.renumber_group(s, DOMAIN, PILOT, "5900")
    after = look(store, "5900")
    assert (after.id, after.members, after.name) == (before.id, before.members, before.name)
    with pytest.raises(NotFound):
        look(store)


def test_renumbering_to_a_taken_number_changes_nothing(store):
    make_office(store)
    make_office(store, pilot="5001")
    with pytest.raises(Conflict), store.writing() as s:
        groups.renumber_group(s, DOMAIN, PILOT, "5001")
    assert look(store).pilot == PILOT


def test_renumbering_to_its_own_number_is_no_fault(store):
    make_office(store)
    with store.writing() as s:
        assert groups.renumber_group(s, DOMAIN, PILOT, PILOT).pilot == PILOT


def test_a_group_can_be_disabled_and_enabled(store):
    make_office(store)
    for enabled in (False, True):
        with store.writing() as s:
            assert groups.enable_group(s, DOMAIN, PILOT, enabled).enabled is enabled
        assert look(store).enabled is enabled


def test_removing_the_last_group_removes_its_domain_and_blocks(store):
    make_office(store, "1001")
    with store.writing() as s:
        groups.add_group(s, "other.test", PILOT)
        members.block(s, DOMAIN, "1001", True)
        groups.remove_group(s, DOMAIN, PILOT)
        assert groups.resolve_domain(s, None, None) == "other.test"
    assert not make_office(store, "1001").members[0].blocked


def test_removing_a_group_leaves_the_others(store):
    make_office(store, "1001")
    make_office(store, "1002", pilot="5001")
    with store.writing() as s:
        groups.remove_group(s, DOMAIN, PILOT)
    with store.reading() as s:
        assert [extensions(g) for g in groups.list_groups(s, DOMAIN)] == [["1002"]]


def test_groups_are_listed_by_pilot_with_their_members(store):
    for pilot, member in (("5002", "1003"), ("5000", "1001"), ("5001", "1002")):
        make_office(store, member, pilot=pilot)
    with store.reading() as s:
        assert [(g.pilot, extensions(g)) for g in groups.list_groups(s, DOMAIN)] == [
            ("5000", ["1001"]),
            ("5001", ["1002"]),
            ("5002", ["1003"]),
        ]


def test_the_domain_is_the_option_else_the_setting_else_the_only_one(store):
    with store.writing() as s:
        assert groups.resolve_domain(s, "given.test", "set.test") == "given.test"
        assert groups.resolve_domain(s, None, "set.test") == "set.test"
        with pytest.raises(UsageError, match="there is no domain yet"):
            groups.resolve_domain(s, None, None)
        groups.add_group(s, DOMAIN, PILOT)
        assert groups.resolve_domain(s, None, None) == DOMAIN
        groups.add_group(s, "other.test", PILOT)
        with pytest.raises(UsageError, match=r"^Name the domain with --domain: there are other\.test, pbx\.test\.$"):
            groups.resolve_domain(s, None, None)


def test_what_was_stored_by_hand_and_is_dangerous_is_refused_when_it_is_read(store):
    make_office(store, "1001")
    with store.writing() as s:
        s.connection().exec_driver_sql("UPDATE members SET extension = '1001,sofia/x'")
    with pytest.raises(BadValue):
        look(store)


def test_groups_can_hold_external_numbers(store):
    assert extensions(make_office(store, "+14155550123@carrier")) == ["+14155550123@carrier"]
    assert look(store).members[0].address == addresses("+14155550123@carrier")[0]
