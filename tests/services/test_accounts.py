"""Users, grants, invitations and tokens, on both databases."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from fshunt.errors import BadValue, Conflict, FshuntError, NotFound, UsageError
from fshunt.services import accounts, audit, groups, passwords, sign_in
from fshunt.services.audit import Actor, Entrance, Subject
from fshunt.services.one_time_codes import code_at, new_totp_secret, step_at
from fshunt.services.undo import undo
from fshunt.services.users import Role, Scope
from tests.support.accounts import PASSWORD, add_user, quick_hashes
from tests.support.small_office import DOMAIN, NOON, PILOT, after, look, make_office

__all__ = ["quick_hashes"]
pytestmark = pytest.mark.usefixtures("quick_hashes")


def doing(store, change):
    """Do something as ana does it at a page."""
    with store.writing() as s:
        audit.acting(s, Actor("ana", Entrance.PAGE, "192.0.2.7"))
        return change(s)


def refused(store, error, change):
    """What is refused leaves the database as it was."""
    before = everything(store)
    with pytest.raises(error) as caught:
        doing(store, change)
    assert everything(store) == before
    return str(caught.value)


TABLES = ("users", "grants", "web_sessions", "known_browsers", "invitations", "tokens", "sign_in_tries", "changes")


def everything(store):
    with store.reading() as s:
        return {name: [tuple(row) for row in s.execute(text(f"SELECT * FROM {name}"))] for name in TABLES}


def changes(store, *subjects):
    with store.reading() as s:
        found = [each for each in audit.history(s) if each.subject in (subjects or tuple(Subject))]
    return [(each.subject.value, each.action.value, each.key, each.before, each.after) for each in found]


def test_a_user_is_added_with_what_the_role_needs(store):
    ana = add_user(store, "Ana", Role.PROVIDER, password=PASSWORD)
    ben = add_user(store, "ben@example.com", Role.ADMIN)
    eva = add_user(store, "eva", Role.MEMBER, at="1003@pbx.test")
    assert (ana.role, ana.has_password, ana.has_totp, ana.disabled, ana.groups) == (
        Role.PROVIDER,
        True,
        False,
        False,
        (),
    )
    assert (ben.has_password, ben.extension, eva.domain, eva.extension) == (False, None, DOMAIN, "1003")
    with store.reading() as s:
        assert accounts.list_users(s) == [ana, ben, eva]
        assert accounts.get_user(s, "ANA") == ana == accounts.get_user_by_id(s, ana.id)
    [change, *_] = changes(store)
    assert change[:4] == ("user", "add", "eva", None)
    assert (change[4]["role"], change[4]["extension"]) == ("member", "1003")


@pytest.mark.parametrize(
    ("name", "role", "place", "error", "sentence"),
    [
        ("", Role.ADMIN, {}, BadValue, "is not the name of a user"),
        ("ana silva", Role.ADMIN, {}, BadValue, "without spaces"),
        ("\u0430na", Role.ADMIN, {}, BadValue, "letters without accents"),
        ("<b>", Role.ADMIN, {}, BadValue, "is not the name of a user"),
        ("x" * 255, Role.ADMIN, {}, BadValue, "up to 254"),
        ("ANA", Role.ADMIN, {}, Conflict, "There is a user Ana already"),
        ("eva", Role.MEMBER, {}, UsageError, "A member needs an extension"),
        ("eva", Role.MEMBER, {"domain": DOMAIN, "extension": "10 03"}, BadValue, "is not an extension"),
        ("eva", Role.MEMBER, {"domain": "pbx test", "extension": "1003"}, BadValue, "is not a domain"),
        ("eva", Role.MEMBER, {"domain": DOMAIN, "extension": "1001"}, Conflict, "is the extension of the user Ana"),
        ("eva", Role.ADMIN, {"domain": DOMAIN, "extension": "1001"}, Conflict, "is the extension of the user Ana"),
    ],
)
def test_a_user_who_cannot_be_is_one_sentence(store, name, role, place, error, sentence):
    add_user(store, "Ana", Role.MEMBER, at="1001@pbx.test")
    assert sentence in refused(store, error, lambda s: accounts.add_user(s, name, role, **place))


def test_an_admin_and_a_provider_may_have_an_extension_and_lose_it_and_a_member_has_one(store):
    add_user(store, "ben", Role.ADMIN)
    add_user(store, "eva", Role.MEMBER, at="1003@pbx.test")
    with store.writing() as s:
        assert accounts.set_extension(s, "ben", DOMAIN, "1001").extension == "1001"
        assert accounts.users_of_extensions(s, DOMAIN, ["1001"])["1001"].name == "ben"
        assert accounts.set_extension(s, "Ben", DOMAIN, "1001").name == "ben", "said again it is no other"
        assert accounts.set_extension(s, "ben", None, None).extension is None
    taken = refused(store, Conflict, lambda s: accounts.set_extension(s, "ben", DOMAIN, "1003"))
    assert "1003 of pbx.test is the extension of the user eva" in taken
    refused(store, UsageError, lambda s: accounts.set_extension(s, "eva", None, None))
    refused(store, NotFound, lambda s: accounts.set_extension(s, "leo", DOMAIN, "1004"))
    given = [change[4]["extension"] for change in changes(store) if change[1] == "set"]
    assert given == [None, "1001"]


@pytest.mark.sql
def test_of_many_who_add_one_user_at_once_one_does_and_the_others_are_told(store):
    def add(n):
        try:
            add_user(store, "ana" if n % 2 else "Ana")
        except Conflict as refused:
            return str(refused)
        return "added"

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(add, range(4)))
    assert told.count("added") == 1
    assert {sentence.lower() for sentence in told} == {
        "added",
        "there is a user ana already: choose another name.",
    }


def test_an_unknown_user_is_told_with_the_nearest(store):
    add_user(store, "ana")
    assert refused(store, NotFound, lambda s: accounts.get_user(s, "anna")) == (
        "There is no user 'anna': did you mean ana?"
    )


def test_the_last_provider_stays(store):
    add_user(store, "ana", Role.PROVIDER)
    add_user(store, "ben", Role.ADMIN)
    for change in (lambda s: accounts.enable_user(s, "ana", False), lambda s: accounts.remove_user(s, "ana")):
        assert "ana is the last provider who is enabled" in refused(store, Conflict, change)
    add_user(store, "carl", Role.PROVIDER)
    doing(store, lambda s: accounts.enable_user(s, "carl", False))
    assert "last provider" in refused(store, Conflict, lambda s: accounts.remove_user(s, "ana"))
    doing(store, lambda s: accounts.remove_user(s, "carl"))
    doing(store, lambda s: accounts.remove_user(s, "ben"))


@pytest.mark.sql
def test_of_two_providers_who_disable_each_other_at_once_one_stays(store):
    names = ["ana", "ben"]
    for name in names:
        add_user(store, name, Role.PROVIDER)

    def disable(name):
        try:
            doing(store, lambda s: accounts.enable_user(s, name, False))
        except Conflict:
            return 0
        return 1

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(disable, names)) == 1


def test_a_user_who_is_disabled_has_no_session_any_more_and_is_recorded(store):
    ana = add_user(store, "ana", password=PASSWORD)
    with store.writing() as s:
        sign_in.start_session(s, ana.id, address=None, agent=None)
    doing(store, lambda s: accounts.enable_user(s, "ana", False))
    with store.reading() as s:
        assert sign_in.list_sessions(s, ana.id) == []
    assert changes(store)[0] == ("user", "set", "ana", {"disabled": False}, {"disabled": True})
    assert not doing(store, lambda s: accounts.enable_user(s, "ana", True)).disabled


def test_groups_are_granted_to_administrators_and_taken(store):
    group = make_office(store)
    add_user(store, "ben")
    for _ in range(2):
        granted = doing(store, lambda s: accounts.grant(s, "Ben", DOMAIN, PILOT))
        assert (granted.groups, granted.group_ids) == (((DOMAIN, PILOT),), {group.id})
    assert doing(store, lambda s: accounts.revoke(s, "ben", DOMAIN, PILOT)).groups == ()
    grants = changes(store, Subject.GRANT)
    assert grants == [
        ("grant", "remove", "ben", {"user": "ben"}, None),
        ("grant", "add", "ben", None, {"user": "ben"}),
    ]
    assert "ben does not look after 5000" in refused(
        store, NotFound, lambda s: accounts.revoke(s, "ben", DOMAIN, PILOT)
    )
    assert "There is no group 5999" in refused(store, NotFound, lambda s: accounts.grant(s, "ben", DOMAIN, "5999"))


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.MEMBER])
def test_only_an_administrator_is_given_groups(store, role):
    make_office(store)
    add_user(store, "eva", role, at="1001@pbx.test" if role is Role.MEMBER else "")
    assert "only an admin is given groups" in refused(
        store, UsageError, lambda s: accounts.grant(s, "eva", DOMAIN, PILOT)
    )


def test_a_group_that_comes_back_has_its_administrators_again(store):
    make_office(store)
    for name in ("ben", "carl", "dora"):
        add_user(store, name)
        doing(store, lambda s, name=name: accounts.grant(s, name, DOMAIN, PILOT))

    def removing(s):
        groups.remove_group(s, DOMAIN, PILOT)
        return audit.last_change_id(s)

    change_id = doing(store, removing)
    doing(store, lambda s: accounts.remove_user(s, "carl"))
    doing(store, lambda s: undo(s, change_id))
    with store.reading() as s:
        assert [user.name for user in accounts.list_users(s) if user.group_ids == {look(store).id}] == ["ben", "dora"]


def test_an_invitation_sets_a_password_once(store):
    ana = add_user(store, "ana")
    invitation = doing(store, lambda s: accounts.invite(s, "ana", now=NOON))
    assert (invitation.user, invitation.expires_at) == (ana, NOON + timedelta(hours=24))
    with store.reading() as s:
        assert accounts.find_invitation(s, invitation.secret, now=after(60)) == ana
    made = passwords.hash_password(PASSWORD)
    accepted = doing(store, lambda s: accounts.accept_invitation(s, invitation.secret, made, now=after(60)))
    assert accepted.has_password
    assert sign_in.check_password(store, "ana", PASSWORD, address=None).user_id == ana.id
    for again in (
        lambda s: accounts.accept_invitation(s, invitation.secret, made, now=after(61)),
        lambda s: accounts.find_invitation(s, invitation.secret, now=after(61)),
    ):
        assert refused(store, NotFound, again) == "The link does not hold any more: ask for a new one."


@pytest.mark.parametrize("why", ["late", "replaced", "disabled", "removed", "password set", "forged"])
def test_an_invitation_that_does_not_hold_lets_nobody_in(store, why):
    add_user(store, "ana")
    secret = doing(store, lambda s: accounts.invite(s, "ana", now=NOON)).secret
    when = after(24 * 3600) if why == "late" else after(60)
    made = passwords.hash_password(PASSWORD)
    spoil = {
        "replaced": lambda s: accounts.invite(s, "ana", now=NOON),
        "disabled": lambda s: accounts.enable_user(s, "ana", False),
        "removed": lambda s: accounts.remove_user(s, "ana"),
        "password set": lambda s: accounts.set_password(s, "ana", made),
    }.get(why)
    if spoil:
        doing(store, spoil)
    given = secret[:-1] + ("x" if secret[-1] != "x" else "y") if why == "forged" else secret
    refused(store, NotFound, lambda s: accounts.accept_invitation(s, given, made, now=when))
    refused(store, NotFound, lambda s: accounts.find_invitation(s, given, now=when))


@pytest.mark.sql
def test_of_many_who_use_one_invitation_at_once_one_does(store):
    add_user(store, "ana")
    secret = doing(store, lambda s: accounts.invite(s, "ana")).secret
    hashes = [passwords.hash_password(f"{PASSWORD} {n}") for n in range(4)]

    def accept(made):
        try:
            doing(store, lambda s: accounts.accept_invitation(s, secret, made))
        except NotFound:
            return 0
        return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(accept, hashes)) == 1


def test_a_member_is_invited_by_the_extension_and_added_where_needed(store):
    first = doing(store, lambda s: accounts.invite_member(s, DOMAIN, "1003"))
    assert (first.user.name, first.user.role, first.user.extension) == ("1003@pbx.test", Role.MEMBER, "1003")
    again = doing(store, lambda s: accounts.invite_member(s, DOMAIN, "1003"))
    assert again.user == first.user
    assert again.secret != first.secret


def test_a_user_who_is_disabled_is_not_invited(store):
    add_user(store, "ana")
    doing(store, lambda s: accounts.enable_user(s, "ana", False))
    assert "ana is disabled" in refused(store, Conflict, lambda s: accounts.invite(s, "ana"))


def test_a_token_is_shown_once_and_holds_for_its_scopes_until_it_ends(store):
    ana = add_user(store, "ana")

    def adding(s):
        return accounts.add_token(s, "Ana", "wallboard", [Scope.READ], expires_at=after(100), now=NOON)

    token, secret = doing(store, adding)
    assert (token.name, token.user, token.scopes, token.expires_at) == ("wallboard", "ana", {Scope.READ}, after(100))
    assert secret.startswith("fsh_")
    with store.reading() as s:
        assert accounts.find_token(s, secret, now=after(99)) == (ana, token)
        assert accounts.find_token(s, secret, now=after(100)) is None
        assert accounts.find_token(s, secret[:-1], now=after(1)) is None
        assert accounts.list_tokens(s) == accounts.list_tokens(s, "ana") == [token]
    revoked = doing(store, lambda s: accounts.revoke_token(s, token.id, now=after(50)))
    assert revoked.revoked_at == after(50)
    assert doing(store, lambda s: accounts.revoke_token(s, token.id, now=after(60))) == revoked
    with store.reading() as s:
        assert accounts.find_token(s, secret, now=after(51)) is None
    assert [each[:3] for each in changes(store, Subject.TOKEN)] == [
        ("token", "remove", "wallboard"),
        ("token", "add", "wallboard"),
    ]


def test_a_token_ends_with_its_user_and_is_nobody_elses(store):
    add_user(store, "ana")
    add_user(store, "ben")
    token, secret = doing(store, lambda s: accounts.add_token(s, "ana", "wallboard", [Scope.WRITE]))
    assert "There is no token" in refused(
        store, NotFound, lambda s: accounts.revoke_token(s, token.id, user_name="ben")
    )
    doing(store, lambda s: accounts.enable_user(s, "ana", False))
    with store.reading() as s:
        assert accounts.find_token(s, secret) is None
    doing(store, lambda s: accounts.remove_user(s, "ana"))
    with store.reading() as s:
        assert accounts.list_tokens(s) == []


@pytest.mark.parametrize(
    ("values", "error", "sentence"),
    [
        ({"name": "wallboard"}, Conflict, "has a token 'wallboard' already"),
        ({"name": "a\tb"}, BadValue, "is not the name of a token"),
        ({"scopes": []}, BadValue, "A token needs a scope"),
        (
            {"scopes": ["reed"]},
            BadValue,
            "`reed` is no scope of a token: use read, write, users (did you mean `read`?).",
        ),
        ({"expires_at": NOON}, BadValue, "would have expired already"),
        ({"user": "nobody"}, NotFound, "There is no user 'nobody'"),
    ],
)
def test_a_token_that_cannot_be_is_one_sentence(store, values, error, sentence):
    add_user(store, "ana")
    doing(store, lambda s: accounts.add_token(s, "ana", "wallboard", [Scope.READ]))
    given = {"user": "ana", "name": "other", "scopes": [Scope.READ], "expires_at": None} | values

    def adding(s):
        return accounts.add_token(
            s, given["user"], given["name"], given["scopes"], expires_at=given["expires_at"], now=NOON
        )

    assert sentence in refused(store, error, adding)


def test_the_use_of_a_token_is_written_at_most_once_a_minute(store):
    add_user(store, "ana")
    _, secret = doing(store, lambda s: accounts.add_token(s, "ana", "wallboard", [Scope.READ], now=NOON))
    used = []
    for seconds in (1, 30, 60.5, 61, 125):
        with store.writing() as s:
            _, token = accounts.find_token(s, secret, now=after(seconds))
            accounts.touch_token(s, token, now=after(seconds))
        with store.reading() as s:
            used.append(accounts.list_tokens(s)[0].used_at)
    assert used == [after(1), after(1), after(1), after(61), after(125)]


def test_time_zone_and_language_are_checked(store):
    add_user(store, "ana")
    ana = doing(store, lambda s: accounts.set_user(s, "ana", time_zone="Europe/Berlin", language="de"))
    assert (ana.time_zone, ana.language) == ("Europe/Berlin", "de")
    assert doing(store, lambda s: accounts.set_user(s, "ana", time_zone="")).time_zone is None
    for values in ({"time_zone": "Mars/Olympus"}, {"time_zone": "../../etc/passwd"}, {"language": "d3"}):
        refused(store, BadValue, lambda s, values=values: accounts.set_user(s, "ana", **values))


def test_codes_are_asked_for_once_the_app_has_shown_one(store):
    add_user(store, "ana")
    secret = new_totp_secret()
    assert "The code is not right" in refused(
        store, BadValue, lambda s: accounts.enable_totp(s, "ana", secret, "000000x", now=NOON)
    )
    code = code_at(secret, step_at(NOON))
    assert doing(store, lambda s: accounts.enable_totp(s, "ana", secret, code, now=NOON)).has_totp
    assert not doing(store, lambda s: accounts.disable_totp(s, "ana")).has_totp


def test_no_secret_and_no_password_stands_in_the_log(store, caplog):
    caplog.set_level(logging.DEBUG)
    ana = add_user(store, "ana", Role.PROVIDER, password=PASSWORD)
    invitation = doing(store, lambda s: accounts.invite(s, "ana")).secret
    _, token = doing(store, lambda s: accounts.add_token(s, "ana", "wallboard", [Scope.READ]))
    device = sign_in.check_password(store, "ana", PASSWORD, address="192.0.2.1").device
    for name, password in (("ana", "a wrong password"), (PASSWORD, "a wrong password")):
        with pytest.raises(FshuntError) as refused:
            sign_in.check_password(store, name, password, address="192.0.2.1")
        assert PASSWORD not in str(refused.value)
    with store.writing() as s:
        session = sign_in.start_session(s, ana.id, address=None, agent=None)
        sign_in.find_session(s, session, sign_in.Limits(timedelta(1), timedelta(1)))
        accounts.find_token(s, token)
    for secret in (PASSWORD, "a wrong password", invitation, token, device, session, "argon2"):
        assert secret not in caplog.text


def test_no_secret_and_no_password_stands_in_the_database_or_the_audit(store):
    """But for the TOTP secret, which must be known to compute codes; it stands in no change."""
    ana = add_user(store, "ana", Role.PROVIDER, password=PASSWORD)
    totp = new_totp_secret()
    invitation = doing(store, lambda s: accounts.invite(s, "ana")).secret
    _, token = doing(store, lambda s: accounts.add_token(s, "ana", "wallboard", [Scope.READ]))
    device = sign_in.check_password(store, "ana", PASSWORD, address="192.0.2.1").device
    with store.writing() as s:
        session = sign_in.start_session(s, ana.id, address=None, agent=None)
    with pytest.raises(FshuntError):
        sign_in.check_password(store, PASSWORD, "in the wrong field", address="192.0.2.1")
    doing(store, lambda s: accounts.enable_totp(s, "ana", totp, code_at(totp, step_at(NOON)), now=NOON))
    stored = everything(store)
    for secret in (PASSWORD, invitation, token, device, session):
        assert secret not in repr(stored)
    assert totp not in repr(stored["changes"])
    assert "argon2" not in repr(stored["changes"])
