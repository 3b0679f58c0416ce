from contextlib import closing

import pytest

from fshunt.db.engine import open_store
from fshunt.db.queries import hunts
from fshunt.errors import NotFound
from fshunt.hunting.rotation import RotationPointer
from fshunt.services import groups
from tests.support.small_office import DOMAIN, PILOT, look, make_office
from tests.support.statements import noted


@pytest.fixture
def two_domains(store):
    make_office(store, "1001")
    with store.writing() as s:
        groups.add_group(s, "other.test", "5001")
    return store


def domain_of(store, **said):
    with store.reading() as s:
        return hunts.find_domain(s, **said)[1]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"fshunt_domain": "other.test", "domain_name": DOMAIN, "host": DOMAIN}, "other.test"),
        ({"domain_name": "other.test", "host": DOMAIN}, "other.test"),
        ({"domain_name": "", "host": "other.test"}, "other.test"),
        ({"host": "PBX.Test"}, DOMAIN),
    ],
)
def test_a_calls_domain_is_the_first_that_is_named(two_domains, said, found):
    assert domain_of(two_domains, **said) == found


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"host": "10.0.0.1"},
        {"domain_name": "10.0.0.1", "host": DOMAIN},
        {"fshunt_domain": "nobody.test", "domain_name": DOMAIN, "host": DOMAIN},
    ],
)
def test_an_ambiguous_domain_is_not_guessed(two_domains, said):
    with pytest.raises(NotFound, match="There is no domain"):
        domain_of(two_domains, **said)


def test_the_only_domain_there_is_takes_every_call(store):
    make_office(store)
    assert domain_of(store, domain_name="10.0.0.1", host="192.0.2.7") == DOMAIN


def test_the_domain_of_the_dialplan_is_not_overruled_by_the_only_domain(store):
    make_office(store)
    with pytest.raises(NotFound, match=r"There is no domain typo\.test"):
        domain_of(store, fshunt_domain="typo.test")


def test_a_group_is_loaded_whole_with_its_memories(store):
    group = make_office(store, "1001", "1002")
    with store.writing() as s:
        hunts.move_first(s, group.id, "a", lambda _pointer: group.members[1].id)
    with store.reading() as s:
        loaded = hunts.load(s, pilot=PILOT, host=DOMAIN)
    assert loaded == hunts.LoadedGroup(look(store), None, RotationPointer(group.members[1].id, 2))


def test_an_unknown_pilot_is_not_found(store):
    make_office(store)
    with store.reading() as s, pytest.raises(NotFound, match="There is no group 5999"):
        hunts.load(s, pilot="5999", host=DOMAIN)


def test_the_load_on_sqlite_searches_by_indexes_and_scans_no_groups_and_no_members(sqlite_url):
    with closing(open_store(sqlite_url)) as store:
        make_office(store, "1001", "1002")
        with store.reading() as s:
            with noted() as statements:
                hunts.load(s, pilot=PILOT, host=DOMAIN)
            [(statement, values)] = statements
            plan = s.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    steps = [row.detail for row in plan]
    assert [step for step in steps if step.startswith("SCAN") and "domains" not in step] == [], steps
    assert any("domain_id=? AND pilot=?" in step for step in steps), steps


def test_a_domain_is_found_whatever_its_case(store):
    make_office(store, "1001")
    with store.reading() as s:
        assert hunts.load(s, pilot=PILOT, fshunt_domain=DOMAIN.upper()).group.domain == DOMAIN
