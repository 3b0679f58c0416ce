"""Who may do what: by role, by group, by scope, and for any action and field."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.errors import Forbidden, NotFound
from fshunt.hunting.group_fields import GROUP_FIELDS, MEMBER_FIELDS
from fshunt.services import accounts, audit, groups, members, rights
from fshunt.services.audit import Subject
from fshunt.services.rights import ACTIONS, ALL_SCOPES, SCOPES, Access, Action, Role, Scope
from tests.support.accounts import add_user
from tests.support.small_office import DOMAIN, PILOT, addresses, make_office

OTHER = "5001"


@pytest.fixture
def office(store):
    """Group 5000 of ben, group 5001 of nobody, and the same pilot in another domain; eva is member 1001 of 5000."""
    make_office(store, "1001", "1002")
    make_office(store, "1009", pilot=OTHER)
    with store.writing() as s:
        groups.add_group(s, "other.test", PILOT)
        members.add_members(s, "other.test", PILOT, addresses("1001"))
    for name, role, at in (("root", Role.PROVIDER, ""), ("ben", Role.ADMIN, ""), ("eva", Role.MEMBER, "1001@pbx.test")):
        add_user(store, name, role, at=at)
    with store.writing() as s:
        accounts.grant(s, "ben", DOMAIN, PILOT)
    return store


def access(store, name, scopes=ALL_SCOPES):
    with store.reading() as s:
        return rights.access_of(accounts.get_user(s, name), scopes)


def places(found):
    return [(group.domain, group.pilot) for group in found]


ALL = [("other.test", PILOT), (DOMAIN, PILOT), (DOMAIN, OTHER)]


@pytest.mark.parametrize(
    ("name", "seen", "own"),
    [("root", ALL, []), ("ben", [(DOMAIN, PILOT)], []), ("eva", [], [(DOMAIN, PILOT)])],
)
def test_each_role_sees_its_groups_and_no_others(office, name, seen, own):
    who = access(office, name)
    with office.reading() as s:
        assert places(rights.visible_groups(s, who)) == seen
        assert places(rights.own_groups(s, who)) == own
        for place in ALL:
            if place in seen:
                assert places([rights.group_for(s, who, *place)]) == [place]
            else:
                with pytest.raises(NotFound):
                    rights.group_for(s, who, *place)


def test_a_group_that_may_not_be_seen_is_told_as_one_that_is_not_there(office):
    said = []
    for name in ("ben", "eva"):
        for pilot in (OTHER, "5999"):
            with office.reading() as s, pytest.raises(NotFound) as refused:
                rights.group_for(s, access(office, name), DOMAIN, pilot)
            said.append(str(refused.value).replace(pilot, "N"))
    assert set(said) == {f"There is no group N in {DOMAIN}."}


def test_a_grant_that_was_taken_shows_nothing_any_more(office):
    with office.writing() as s:
        accounts.revoke(s, "ben", DOMAIN, PILOT)
    with office.reading() as s, pytest.raises(NotFound):
        rights.group_for(s, access(office, "ben"), DOMAIN, PILOT)


@pytest.mark.parametrize(
    ("name", "domain", "extension", "allowed"),
    [
        ("root", DOMAIN, "1009", True),
        ("ben", DOMAIN, "1002", True),
        ("ben", DOMAIN, "1009", False),
        ("ben", "other.test", "1001", False),
        ("ben", DOMAIN, "1777", False),
        ("eva", DOMAIN, "1001", True),
        ("eva", DOMAIN, "1002", False),
        ("eva", "other.test", "1001", False),
    ],
)
def test_who_may_block_whom(office, name, domain, extension, allowed):
    with office.reading() as s:
        if allowed:
            rights.check_member(s, access(office, name), domain, extension)
            return
        with pytest.raises(NotFound, match=f"^{extension} is in no group of {domain}\\.$"):
            rights.check_member(s, access(office, name), domain, extension)


def test_an_administrator_invites_members_of_the_own_groups_alone(office):
    def invite(name):
        with office.reading() as s:
            rights.check_invite(s, access(office, name), DOMAIN, "1001")

    for name in ("root", "ben"):
        invite(name)  # "1001" of another domain is somebody else
    with pytest.raises(Forbidden):
        invite("eva")
    with office.writing() as s:
        members.add_members(s, DOMAIN, OTHER, addresses("1001"), shared=True)
    invite("root")
    with pytest.raises(Forbidden, match=r"^1001 is a member of a group of others"):
        invite("ben")
    with office.writing() as s:
        accounts.grant(s, "ben", DOMAIN, OTHER)
    invite("ben")


def test_nobody_but_a_provider_invites_a_member_whose_extension_is_that_of_a_user_with_more_rights(office):
    with office.writing() as s:
        accounts.set_extension(s, "root", DOMAIN, "1002")
    with office.reading() as s:
        rights.check_invite(s, access(office, "root"), DOMAIN, "1002")
        with pytest.raises(Forbidden, match=r"^The user root looks after groups: only a provider can"):
            rights.check_invite(s, access(office, "ben"), DOMAIN, "1002")


def test_users_are_the_providers_and_everybody_has_oneself(office):
    with office.reading() as s:
        assert rights.user_for(s, access(office, "root"), "ben").name == "ben"
        assert rights.user_for(s, access(office, "ben"), "BEN").name == "ben"
        for other in ("root", "nobody"):
            with pytest.raises(NotFound, match=f"^There is no user '{other}'\\.$"):
                rights.user_for(s, access(office, "ben"), other)


# Changes


def made(office, change):
    with office.writing() as s:
        change(s)
        return audit.last_change_id(s)


CHANGES = {
    "name of the own group": (lambda s: groups.set_group(s, DOMAIN, PILOT, name="Shop"), True, True),
    "member of the own group": (lambda s: members.move_member(s, DOMAIN, PILOT, *addresses("1002"), 1), True, True),
    "new member": (lambda s: members.add_members(s, DOMAIN, PILOT, addresses("1003")), True, True),
    "block of an own member": (lambda s: members.block(s, DOMAIN, "1002", True), True, True),
    "context of the own group": (lambda s: groups.set_group(s, DOMAIN, PILOT, transfer_context="x"), True, False),
    "pilot of the own group": (lambda s: groups.renumber_group(s, DOMAIN, PILOT, "5100"), True, False),
    "own group removed": (lambda s: groups.remove_group(s, DOMAIN, PILOT), True, False),
    "name of another group": (lambda s: groups.set_group(s, DOMAIN, OTHER, name="Shop"), False, False),
    "block of another's member": (lambda s: members.block(s, DOMAIN, "1009", True), False, False),
    "block in another domain": (lambda s: members.block(s, "other.test", "1001", True), False, False),
    "a user": (lambda s: accounts.enable_user(s, "eva", False), False, False),
}


@pytest.mark.parametrize(("change", "seen", "undone"), CHANGES.values(), ids=CHANGES)
def test_which_changes_an_administrator_sees_and_undoes(office, change, seen, undone):
    ben, change_id = access(office, "ben"), made(office, change)
    with office.reading() as s:
        assert rights.change_for(s, access(office, "root"), change_id).id == change_id
        assert rights.check_undo(s, access(office, "root"), change_id).id == change_id
        if not seen:
            with pytest.raises(NotFound):
                rights.change_for(s, ben, change_id)
            with pytest.raises(NotFound):
                rights.check_undo(s, ben, change_id)
            return
        assert rights.change_for(s, ben, change_id).id == change_id
        assert audit.history(s, group_ids=ben.group_ids, limit=1)[0].id == change_id
        if undone:
            assert rights.check_undo(s, ben, change_id).id == change_id
        else:
            with pytest.raises(Forbidden):
                rights.check_undo(s, ben, change_id)


def test_a_member_sees_the_own_block_in_the_history_and_undoes_nothing(office):
    eva = access(office, "eva")
    own, others = (made(office, lambda s, e=e: members.block(s, DOMAIN, e, True)) for e in ("1001", "1002"))
    with office.reading() as s:
        assert rights.change_for(s, eva, own).subject is Subject.BLOCK
        with pytest.raises(NotFound):
            rights.change_for(s, eva, others)
        with pytest.raises(Forbidden):
            rights.check_undo(s, eva, own)


# Of whatever is granted, nothing else


SUBSETS = [frozenset(some) for count in range(4) for some in combinations(range(3), count)]


def refuses(ask, *given):
    """Whether a question about somebody's group is answered as one about nothing."""
    try:
        ask(*given)
    except (NotFound, Forbidden):
        return True
    return False


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER])
def test_no_function_lets_anybody_at_a_group_that_is_not_granted(office, role):
    """Every function that takes a session, for each of three groups, and for each set of groups that may be granted."""
    with office.reading() as s:
        found = sorted(rights.visible_groups(s, someone(Role.PROVIDER)), key=lambda group: group.id)
    touched = [
        [
            made(office, lambda s, g=group: groups.set_group(s, g.domain, g.pilot, name="Shop")),
            made(office, lambda s, g=group: members.set_member(s, g.domain, g.pilot, g.members[0].address, weight=7)),
            made(office, lambda s, g=group: members.block(s, g.domain, g.members[0].extension, True)),
        ]
        for group in found
    ]
    nobody = (None, None)  # a member whose own extension is in none of the groups
    for granted in SUBSETS:
        ids = frozenset(found[n].id for n in granted)
        who = Access(1, "someone", role, ids, *nobody, ALL_SCOPES)
        with office.reading() as s:
            allowed = granted if role is Role.ADMIN else frozenset()
            assert {group.id for group in rights.visible_groups(s, who)} == {found[n].id for n in allowed}
            assert rights.own_groups(s, who) == []
            for n, group in enumerate(found):
                refused = [
                    refuses(rights.group_for, s, who, group.domain, group.pilot),
                    refuses(rights.check_member, s, who, group.domain, group.members[0].extension),
                    *(refuses(rights.change_for, s, who, change) for change in touched[n]),
                    *(refuses(rights.check_undo, s, who, change) for change in touched[n]),
                ]
                assert set(refused) == {n not in allowed}, (granted, group.pilot)
            if role is Role.ADMIN:
                seen = {each.id for each in audit.history(s, group_ids=who.group_ids, limit=500)}
                assert [set(changes) <= seen for changes in touched] == [n in allowed for n in range(3)]
                assert all(seen.isdisjoint(changes) for n, changes in enumerate(touched) if n not in allowed)


# What holds for all actions, fields, roles and scopes


def someone(role, scopes=ALL_SCOPES, group_ids=()):
    return Access(1, "someone", role, frozenset(group_ids), DOMAIN, "1001", frozenset(scopes))


ROLES, ACTION = st.sampled_from(Role), st.sampled_from(Action)
SOME_SCOPES = st.frozensets(st.sampled_from(Scope))


@given(role=ROLES, action=ACTION, scopes=SOME_SCOPES, fewer=SOME_SCOPES)
def test_a_token_can_never_do_more_than_its_user_and_than_one_with_more_scopes(role, action, scopes, fewer):
    if rights.may(someone(role, scopes), action):
        assert rights.may(someone(role), action)
        assert SCOPES.get(action, Scope.WRITE) in scopes
    if rights.may(someone(role, scopes & fewer), action):
        assert rights.may(someone(role, scopes), action)
    assert not rights.may(someone(role, ()), action)


@given(role=ROLES, action=ACTION, scopes=SOME_SCOPES)
def test_check_refuses_exactly_what_may_not_be(role, action, scopes):
    who = someone(role, scopes)
    if rights.may(who, action):
        rights.check(who, action)
        return
    with pytest.raises(Forbidden, match=r"\.$"):
        rights.check(who, action)


def test_each_action_belongs_to_a_role_and_a_token_that_reads_changes_nothing():
    assert set(Action) == frozenset().union(*ACTIONS.values())
    reads = {action for action in Action if SCOPES.get(action, Scope.WRITE) is Scope.READ}
    assert {action.name.partition("_")[0] for action in reads} == {"SEE"}
    assert {action for action in Action if action.name.startswith("SEE_")} == reads


PROVIDERS = {
    Action.ADD_GROUP,
    Action.REMOVE_GROUP,
    Action.RENUMBER_GROUP,
    Action.CHANGE_LIMITS,
    Action.MANAGE_USERS,
    Action.SEE_AUDIT,
    Action.SEE_SYSTEM,
}


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER])
def test_only_the_provider_makes_groups_and_users(role):
    assert not PROVIDERS & ACTIONS[role]
    assert ACTIONS[Role.PROVIDER] >= PROVIDERS


def test_a_member_does_nothing_to_a_group():
    assert {Action.MANAGE_OWN_ACCOUNT, Action.BLOCK_SELF, Action.SEE_OWN} == ACTIONS[Role.MEMBER]


GIVEN = st.dictionaries(st.sampled_from([*GROUP_FIELDS, *MEMBER_FIELDS, "id", "domain", "made_up"]), st.integers())


@given(values=GIVEN)
def test_a_field_that_the_role_may_not_change_is_left_out(values):
    for own, allowed in (
        (rights.own_fields, rights.ADMIN_FIELDS),
        (rights.own_member_fields, rights.ADMIN_MEMBER_FIELDS),
    ):
        assert own(someone(Role.PROVIDER), values) == values
        assert own(someone(Role.MEMBER), values) == {}
        assert own(someone(Role.ADMIN), values) == {name: each for name, each in values.items() if name in allowed}


def test_the_fields_of_an_administrator_are_fields_and_not_those_of_the_provider():
    assert set(GROUP_FIELDS) > rights.ADMIN_FIELDS
    assert set(GROUP_FIELDS) - rights.ADMIN_FIELDS >= {"pilot", "transfer_context", "caller_id_number"}
    assert set(MEMBER_FIELDS) > rights.ADMIN_MEMBER_FIELDS
    assert set(MEMBER_FIELDS) - rights.ADMIN_MEMBER_FIELDS == {"extension", "caller_id_number"}


@given(
    role=st.sampled_from([Role.ADMIN, Role.MEMBER]), granted=st.frozensets(st.integers(1, 9)), group=st.integers(1, 9)
)
def test_nobody_but_the_provider_looks_after_a_group_that_was_not_granted(role, granted, group):
    looks_after = rights.looks_after(someone(role, group_ids=granted), group)
    assert looks_after == (role is Role.ADMIN and group in granted)
