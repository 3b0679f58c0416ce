"""The limits of a group bind its administrators, whichever service they come by, and nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from fshunt.db.engine import Store
from fshunt.errors import BeyondLimits, Forbidden
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from fshunt.hunting.ringtime import RingTime
from fshunt.services import accounts, audit, groups, limits, members, rights, undo
from fshunt.services.rights import access_of
from fshunt.services.users import Role

DOMAIN, PILOT = "pbx.test", "5000"
STRICT = Limits(("regular",), 30.0, 0, ("carrier",), True)


@pytest.fixture
def limited(store: Store) -> Store:
    with store.writing() as s:
        groups.add_group(s, DOMAIN, PILOT)
        groups.add_group(s, DOMAIN, "6000")
        members.add_members(s, DOMAIN, PILOT, [parse_member("1001")])
        limits.set_limits(s, DOMAIN, PILOT, STRICT)
    return store


CHANGES: list[tuple[str, Callable[[Session], object]]] = [
    ("policy", lambda s: groups.set_group(s, DOMAIN, PILOT, policy="circular")),
    ("rings", lambda s: groups.set_group(s, DOMAIN, PILOT, ring_time=RingTime(rings=6))),
    ("on_closed", lambda s: groups.set_group(s, DOMAIN, PILOT, on_closed=parse_destination("transfer:0900"))),
    ("extension", lambda s: members.add_members(s, DOMAIN, PILOT, [parse_member("+4930@carrier")])),
    (
        "ring_seconds",
        lambda s: members.set_member(s, DOMAIN, PILOT, parse_member("1001"), ring_time=RingTime(seconds=31)),
    ),
]


def by(store: Store, role: Role | None, change: Callable[[Session], object]) -> None:
    """Make a change as somebody of a role; None: at the command line."""
    with store.writing() as s:
        if role is not None:
            limits.bind(s, role, 6.0)
        change(s)


@pytest.mark.parametrize(("column", "change"), CHANGES, ids=[column for column, _ in CHANGES])
def test_an_administrator_is_bound(limited: Store, column: str, change: Callable[[Session], object]) -> None:
    with pytest.raises(BeyondLimits) as raised:
        by(limited, Role.ADMIN, change)
    assert list(raised.value.sentences) == [column]


@pytest.mark.parametrize("role", [Role.PROVIDER, None])
def test_providers_and_the_command_line_are_not_bound(limited: Store, role: Role | None) -> None:
    for _, change in CHANGES:
        by(limited, role, change)


def test_a_group_without_limits_lets_an_administrator_send_no_calls_out(store: Store) -> None:
    with store.writing() as s:
        groups.add_group(s, DOMAIN, PILOT)
        groups.add_group(s, DOMAIN, "6000")
        assert limits.limits_of(s, groups.get_group(s, DOMAIN, PILOT)) == DEFAULT_LIMITS

    def external(s: Session) -> None:
        members.add_members(s, DOMAIN, PILOT, [parse_member("+4930@carrier")])

    def outside(s: Session) -> None:
        groups.set_group(s, DOMAIN, PILOT, on_busy=parse_destination("transfer:0900"))

    for change in (external, outside):
        with pytest.raises(BeyondLimits):
            by(store, Role.ADMIN, change)
    by(store, Role.ADMIN, lambda s: groups.set_group(s, DOMAIN, PILOT, on_busy=parse_destination("transfer:6000")))
    for change in (external, outside):
        by(store, Role.PROVIDER, change)
    by(store, Role.ADMIN, lambda s: groups.set_group(s, DOMAIN, PILOT, name="Sales"))


def test_what_is_within_the_limits_is_done(limited: Store) -> None:
    with limited.writing() as s:
        limits.bind(s, Role.ADMIN, 6.0)
        groups.set_group(s, DOMAIN, PILOT, ring_time=RingTime(rings=5), on_busy=parse_destination("transfer:6000"))
        members.add_members(s, DOMAIN, PILOT, [parse_member("1002")])


def test_limits_are_changed_undone_and_stand_in_the_history(limited: Store) -> None:
    with limited.writing() as s:
        limits.set_limits(s, DOMAIN, PILOT, Limits(max_ring_seconds=60.0))
        change = audit.history(s, domain=DOMAIN, pilot=PILOT, limit=1)[0]
        assert change.before == {
            "policies": ["regular"],
            "max_ring_seconds": 30.0,
            "max_external_members": 0,
            "gateways": ["carrier"],
            "transfers_to_pilots": True,
        }
        undo.undo(s, change.id)
        assert limits.limits_of(s, groups.get_group(s, DOMAIN, PILOT)) == STRICT


def test_an_administrator_cannot_undo_a_limit_nor_pass_one_by_with_an_undo(limited: Store) -> None:
    with limited.writing() as s:
        accounts.add_user(s, "omar", Role.ADMIN)
        user = accounts.grant(s, "omar", DOMAIN, PILOT)
        limit = audit.history(s, domain=DOMAIN, pilot=PILOT, subject=audit.Subject.LIMITS)[0]
        with pytest.raises(Forbidden):
            rights.check_undo(s, access_of(user), limit.id)
        members.add_members(s, DOMAIN, PILOT, [parse_member("+4930@carrier")])
        members.remove_member(s, DOMAIN, PILOT, parse_member("+4930@carrier"))
        removed = audit.last_change_id(s)
    assert removed is not None
    with pytest.raises(BeyondLimits):
        by(limited, Role.ADMIN, lambda s: undo.undo(s, removed))


def test_limits_go_with_their_group_and_come_back_with_it(limited: Store) -> None:
    with limited.writing() as s:
        groups.remove_group(s, DOMAIN, PILOT)
        change = audit.last_change_id(s)
        assert change is not None
        undo.undo(s, change)
        assert limits.limits_of(s, groups.get_group(s, DOMAIN, PILOT)) == STRICT
        limits.set_limits(s, DOMAIN, PILOT, NO_LIMITS)
        assert limits.limits_of(s, groups.get_group(s, DOMAIN, PILOT)) == NO_LIMITS


def test_what_is_beyond_by_now_is_named(limited: Store) -> None:
    with limited.writing() as s:
        group = groups.set_group(s, DOMAIN, PILOT, policy="weighted")
        assert limits.beyond_by_now(s, group, 6.0) == [
            "This group may not have the policy weighted: its provider allows regular."
        ]
