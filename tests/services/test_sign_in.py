"""Signing in: what lets in, how guessing is slowed, and when sessions end. On both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from fshunt.db.models import RecoveryCode, SignInTries
from fshunt.db.queries import sign_in as rows
from fshunt.errors import SignInFailed, SlowDown
from fshunt.services import accounts, audit, passwords, recovery_codes, sign_in
from fshunt.services.audit import Subject
from fshunt.services.one_time_codes import code_at, new_totp_secret, step_at
from fshunt.services.random_secrets import hash_of
from fshunt.services.sign_in import Limits
from fshunt.services.users import Role
from tests.support.accounts import PASSWORD, add_user, quick_hashes
from tests.support.small_office import NOON, after, make_office

__all__ = ["quick_hashes"]
pytestmark = pytest.mark.usefixtures("quick_hashes")

HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"
LIMITS = Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=12))


@pytest.fixture
def ana(store):
    return add_user(store, "Ana", Role.PROVIDER, password=PASSWORD)


def sign_in_at(store, seconds=0.0, *, name="ana", password=PASSWORD, address=HERE, device=None):
    return sign_in.check_password(store, name, password, address=address, device=device, now=after(seconds))


def fail(store, seconds=0.0, **how):
    with pytest.raises(SignInFailed):
        sign_in_at(store, seconds, **({"password": "wrong password"} | how))


def guess(store, seconds, **how):
    """Guess as fast as it is let, for so many seconds; return how many guesses were looked at."""
    at, looked_at = 0.0, 0
    while at < seconds:
        try:
            sign_in_at(store, at, **({"password": "wrong password"} | how))
        except SignInFailed:
            looked_at += 1
            at += 0.01
        except SlowDown as slow:
            at += slow.seconds
    return looked_at


def test_name_and_password_let_in_in_whatever_capitals_of_the_name(store, ana):
    proven = sign_in_at(store, name="ANA")
    assert (proven.user_id, proven.name, proven.needs_code) == (ana.id, "Ana", False)


def test_whatever_is_wrong_the_sentence_is_the_same(store, ana):
    add_user(store, "invited")
    add_user(store, "disabled", password=PASSWORD)
    with store.writing() as s:
        accounts.enable_user(s, "disabled", False)
    said = set()
    for name, password in (
        ("ana", "wrong password"),
        ("nobody", PASSWORD),
        ("invited", ""),
        ("invited", PASSWORD),
        ("disabled", PASSWORD),
        ("", ""),
        ("x" * 10_000, "\0"),
    ):
        with pytest.raises(SignInFailed) as refused:
            sign_in_at(store, name=name, password=password, address=None)
        said.add(str(refused.value))
    assert said == {"The name or the password is wrong."}


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_guesses_at_an_account_are_slowed_whether_there_is_one_or_not(store, ana, name):
    for n in range(sign_in.FREE_TRIES):
        fail(store, n / 10, name=name, address=f"198.51.100.{n}")
    fail(store, 0.5, name=name, address="198.51.100.200")
    with pytest.raises(SlowDown) as slow:
        sign_in_at(store, 0.6, name=name, address="198.51.100.201")
    assert str(slow.value) == "Too many attempts: try again in 1 second."
    assert 0 < slow.value.seconds <= 1


def test_the_pauses_double_and_have_an_end(store, ana):
    seconds, pauses = 0.0, []
    for n in range(20):
        fail(store, seconds, address=f"198.51.100.{n}")
        with store.reading() as s:
            [account] = [each for key, each in rows.tries_of(s, all_keys(s)).items() if key.startswith("account:")]
        pause = 0.0 if account.not_before is None else (account.not_before - after(seconds)).total_seconds()
        pauses.append(pause)
        seconds += pause
    free = [0.0] * sign_in.FREE_TRIES
    assert pauses == [*free, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, *[45.0] * (len(pauses) - len(free) - 6)]


def all_keys(s):
    return list(s.scalars(select(SignInTries.key)))


def test_the_user_gets_in_within_a_minute_after_an_attack_from_elsewhere(store, ana):
    guess(store, 600, address=ELSEWHERE)
    fail(store, 660, address="198.51.100.10")
    with pytest.raises(SlowDown) as slow:
        sign_in_at(store, 660.1)
    assert slow.value.seconds <= 60
    assert sign_in_at(store, 660.1 + slow.value.seconds)


HOUR = 3600.0


@pytest.mark.parametrize("rest", [0.0, 61.0])
def test_an_account_is_guessed_at_a_hundred_times_an_hour_at_most_by_all_addresses_together(store, ana, rest):
    """OWASP ASVS 2.2.1. ``rest``: how long the attack rests after each ten tries, so that failures are forgiven."""
    looked_at: list[float] = []
    at = 0.0
    while at < 2 * HOUR:
        try:
            address = f"198.51.{len(looked_at) // 250}.{len(looked_at) % 250}"
            sign_in_at(store, at, password="wrong password", address=address)
        except SignInFailed:
            looked_at.append(at)
            at += 0.01 if len(looked_at) % 10 else rest + 0.01
        except SlowDown as slow:
            at += slow.seconds
    most = max(sum(1 for each in looked_at if begin <= each < begin + HOUR) for begin in looked_at)
    assert 40 <= most <= 100


def test_a_known_browser_has_no_more_guesses(store, ana):
    device = sign_in_at(store).device
    assert guess(store, HOUR, device=device) <= 100


def test_in_the_middle_of_an_attack_the_user_gets_in_with_a_known_browser_or_a_link(store, ana):
    device = sign_in_at(store).device
    for n in range(60):
        guess(store, 0.02, address=f"198.51.100.{n}")
    assert sign_in_at(store, 0.1, device=device)
    with store.writing() as s:
        link = accounts.invite(s, "ana", now=NOON)
        accounts.accept_invitation(s, link.secret, passwords.hash_password("a fine new password"), now=NOON)


def test_a_known_browser_is_not_slowed_by_an_attack_on_its_account_or_from_its_address(store, ana):
    device = sign_in_at(store).device
    for n in range(40):
        guess(store, 0.02, address=f"198.51.100.{n}")
        guess(store, 0.02, name="nobody", address=HERE)
    with pytest.raises(SlowDown):
        sign_in_at(store, 0.1)
    assert sign_in_at(store, 0.1, device=device).device == device


def test_a_known_browser_is_slowed_by_its_own_failures(store, ana):
    device = sign_in_at(store).device
    for _ in range(sign_in.FREE_TRIES + 1):
        fail(store, 1, device=device)
    with pytest.raises(SlowDown):
        sign_in_at(store, 1.5, device=device)
    assert sign_in_at(store, 2, device=device)


def test_a_browser_is_known_for_its_own_user_alone_and_a_forged_one_for_none(store, ana):
    add_user(store, "ben", password=PASSWORD)
    device = sign_in_at(store).device
    for name, given in (("ben", device), ("ana", "forged"), ("ana", device + "x")):
        for n in range(sign_in.FREE_TRIES + 1):
            with pytest.raises((SignInFailed, SlowDown)):
                sign_in_at(store, 1, name=name, password="wrong password", address=f"203.0.113.{n}", device=given)
        with pytest.raises(SlowDown):
            sign_in_at(store, 1.1, name=name, address=None, device=given)


def test_one_address_cannot_guess_at_many_accounts(store):
    def spray(seconds):
        at, looked_at, name = 0.0, 0, 0
        while at < seconds:
            name += 1
            try:
                sign_in_at(store, at, name=f"user{name}", password="wrong password")
            except SignInFailed:
                looked_at += 1
                at += 0.01
            except SlowDown as slow:
                at += slow.seconds
        return looked_at

    assert spray(600) <= sign_in.FREE_ADDRESS_TRIES + 6 + 10 + 10
    fail(store, 600, name="another", address=ELSEWHERE)


def test_ipv6_addresses_of_one_network_are_one(store):
    for n in range(sign_in.FREE_ADDRESS_TRIES + 1):
        fail(store, name=f"user{n}", address=f"2001:db8:0:1::{n:x}")
    with pytest.raises(SlowDown):
        sign_in_at(store, 0.5, name="another", address="2001:db8:0:1:ffff::1")
    fail(store, 0.5, name="another", address="2001:db8:0:2::1")


def test_who_signs_in_to_an_own_account_in_between_is_slowed_all_the_same(store, ana):
    """Else somebody with an account could guess those of all others from one address."""
    refused = 0
    for n in range(30):
        try:
            fail(store, n / 10, name=f"victim{n}")
            sign_in_at(store, n / 10)
        except SlowDown:
            refused += 1
    assert refused > 10


def test_what_is_refused_in_a_pause_is_not_counted_and_not_checked(store, ana, monkeypatch):
    for _ in range(sign_in.FREE_TRIES + 1):
        fail(store)
    checked = []
    monkeypatch.setattr(passwords, "verify", lambda *given: checked.append(given))
    for _ in range(50):
        with pytest.raises(SlowDown):
            sign_in_at(store, 0.5)
    monkeypatch.undo()
    assert checked == []
    assert sign_in_at(store, 1).user_id == ana.id


def test_of_many_tries_at_one_moment_no_more_are_looked_at_than_one_by_one(store, ana):
    def try_once(n):
        try:
            sign_in_at(store, password=f"wrong password {n}", address=f"198.51.100.{n}")
        except SlowDown:
            return 0
        except SignInFailed:
            return 1
        raise AssertionError

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_once, range(24))) == sign_in.FREE_TRIES + 1


def test_failures_are_forgiven_by_success_and_by_time(store, ana):
    for _ in range(sign_in.FREE_TRIES):
        fail(store)
    sign_in_at(store)
    for _ in range(sign_in.FREE_TRIES):
        fail(store, 1)
    fail(store, 1 + sign_in.FORGIVE_SECONDS)
    fail(store, 1 + 2 * sign_in.FORGIVE_SECONDS)
    assert sign_in_at(store, 1 + 2 * sign_in.FORGIVE_SECONDS)


def test_a_clock_that_is_set_back_locks_nobody_out(store, ana):
    for _ in range(sign_in.FREE_TRIES + 1):
        fail(store)
    with pytest.raises(SlowDown):
        sign_in_at(store, -1)
    assert sign_in_at(store, -3600).user_id == ana.id


def test_the_table_of_tries_holds_those_of_the_last_hour(store):
    for n in range(30):
        fail(store, n, name=f"user{n}", address=f"203.0.113.{n}")
    for n in range(30):
        fail(store, 3700 + n, name=f"other{n}", address=f"198.51.100.{n}")
    with store.reading() as s:
        assert len(all_keys(s)) == 60


def test_a_hash_of_an_older_cost_is_made_anew_when_it_is_right(store, ana, monkeypatch):
    monkeypatch.setattr(passwords, "ROUNDS", 2)
    fail(store)
    with store.reading() as s:
        assert ",t=1," in accounts.rows.find_user(s, "ana").password_hash
    sign_in_at(store)
    with store.reading() as s:
        assert ",t=2," in accounts.rows.find_user(s, "ana").password_hash
    assert sign_in_at(store)


def test_a_password_is_asked_for_again_before_it_is_changed(store, ana):
    sign_in.verify_again(store, ana.id, PASSWORD, address=HERE, now=NOON)
    for user_id, password in ((ana.id, "wrong password"), (4711, PASSWORD)):
        with pytest.raises(SignInFailed):
            sign_in.verify_again(store, user_id, password, address=HERE, now=NOON)


# Sessions


def start(store, user, seconds=0.0, **more):
    with store.writing() as s:
        return sign_in.start_session(s, user.id, address=HERE, agent="Firefox", now=after(seconds), **more)


def find(store, secret, seconds=0.0):
    with store.reading() as s:
        return sign_in.find_session(s, secret, LIMITS, now=after(seconds))


def test_a_session_says_who_and_with_which_rights(store):
    group = make_office(store)
    ben = add_user(store, "ben")
    with store.writing() as s:
        ben = accounts.grant(s, "ben", "pbx.test", "5000")
    secret = start(store, ben)
    found = find(store, secret, 10)
    assert (found.user, found.awaits_code, found.needs_touch) == (ben, False, False)
    assert (found.access.role, found.access.group_ids) == (Role.ADMIN, {group.id})
    assert (found.session.created_at, found.session.address, found.session.agent) == (NOON, HERE, "Firefox")
    assert find(store, secret + "x") is None
    assert find(store, found.session.id) is None, "the name of a session lets nobody in"


def test_a_session_ends_without_use_and_in_any_case(store, ana):
    secret = start(store, ana)
    assert find(store, secret, 30 * 60)
    assert find(store, secret, 30 * 60 + 1) is None
    seconds = 0
    while (found := find(store, secret, seconds)) is not None:
        with store.writing() as s:
            sign_in.touch_session(s, found, now=after(seconds))
        seconds += 1500
    assert 12 * 3600 < seconds <= 12 * 3600 + 1500


def test_the_use_of_a_session_is_written_at_most_once_a_minute(store, ana):
    secret = start(store, ana)
    assert [find(store, secret, seconds).needs_touch for seconds in (0, 59, 60)] == [False, False, True]
    with store.writing() as s:
        sign_in.touch_session(s, find(store, secret, 60), now=after(60))
    assert not find(store, secret, 100).needs_touch


def test_sessions_end_one_by_one_or_all_but_one(store, ana):
    ben = add_user(store, "ben")
    first, second, third, bens = start(store, ana), start(store, ana, 1), start(store, ana, 2), start(store, ben)
    with store.writing() as s:
        sign_in.end_session(s, first)
        sign_in.end_session(s, first)
        [newest, other] = sign_in.list_sessions(s, ana.id)
        assert (newest.created_at, other.created_at) == (after(2), after(1))
        assert not sign_in.end_session_of(s, ben.id, newest.id), "it is not his"
        assert sign_in.end_session_of(s, ana.id, newest.id)
    assert [bool(find(store, each)) for each in (first, second, third, bens)] == [False, True, False, True]
    more = [start(store, ana), start(store, ana)]
    with store.writing() as s:
        assert sign_in.end_other_sessions(s, ana.id, second) == 2
    assert [bool(find(store, each)) for each in (second, *more, bens)] == [True, False, False, True]
    with store.writing() as s:
        assert sign_in.end_other_sessions(s, ana.id, None) == 1


def test_a_new_password_ends_the_other_sessions_and_forgets_the_browsers(store, ana):
    device = sign_in_at(store).device
    own, other = start(store, ana), start(store, ana)
    newer = passwords.hash_password("another fine password")
    with store.writing() as s:
        accounts.set_password(s, "ana", newer, keep_session=own)
    assert find(store, own)
    assert find(store, other) is None
    fail(store, password=PASSWORD)
    for n in range(sign_in.FREE_TRIES):
        fail(store, address=f"198.51.100.{n}")
    with pytest.raises(SlowDown):
        sign_in_at(store, 0.1, password="another fine password", device=device)


@pytest.mark.sql
def test_a_user_who_is_disabled_or_removed_is_out_at_once(store, ana):
    add_user(store, "root", Role.PROVIDER)
    secret = start(store, ana)
    with store.writing() as s:
        accounts.rows.find_user(s, "ana").disabled = True  # by whatever way
    assert find(store, secret) is None
    with store.writing() as s:
        accounts.remove_user(s, "ana")
    assert find(store, secret) is None


def test_each_sign_in_has_a_secret_of_its_own(store, ana):
    secrets = {start(store, ana) for _ in range(5)}
    assert len(secrets) == 5
    assert min(len(secret) for secret in secrets) >= 43


# One-time codes


@pytest.fixture
def totp(store, ana):
    """Ana's app: its secret."""
    secret = new_totp_secret()
    with store.writing() as s:
        accounts.enable_totp(s, "ana", secret, code_at(secret, step_at(after(-300))), now=after(-300))
    return secret


def code(secret, seconds):
    return code_at(secret, step_at(after(seconds)))


def test_a_code_completes_the_session_under_a_new_secret(store, ana, totp):
    assert sign_in_at(store).needs_code
    half = start(store, ana, awaits_code=True)
    assert find(store, half, 10).awaits_code
    whole = sign_in.check_code(store, half, code(totp, 10), address=HERE, now=after(10))
    assert whole != half
    assert find(store, half, 11) is None
    found = find(store, whole, 11)
    assert (found.user.id, found.awaits_code, found.session.agent) == (ana.id, False, "Firefox")


def test_a_code_is_taken_once(store, ana, totp):
    for n in range(2):
        half = start(store, ana, n, awaits_code=True)
        again = code(totp, 10)
        if n == 0:
            sign_in.check_code(store, half, again, address=HERE, now=after(10))
            continue
        with pytest.raises(SignInFailed, match="was used before"):
            sign_in.check_code(store, half, again, address=HERE, now=after(11))
        with pytest.raises(SignInFailed, match="was used before"):
            sign_in.check_code(store, half, code(totp, -20), address=HERE, now=after(12))
        assert sign_in.check_code(store, half, code(totp, 40), address=HERE, now=after(40))


def test_a_session_awaits_its_code_for_five_minutes(store, ana, totp):
    half = start(store, ana, awaits_code=True)
    assert find(store, half, 300)
    assert find(store, half, 301) is None
    with pytest.raises(SignInFailed, match="sign in again"):
        sign_in.check_code(store, half, code(totp, 301), address=HERE, now=after(301))
    whole = start(store, ana)
    for secret in (whole, "forged"):
        with pytest.raises(SignInFailed, match="sign in again"):
            sign_in.check_code(store, secret, code(totp, 0), address=HERE, now=NOON)


def test_who_knows_the_password_cannot_guess_the_code_by_signing_in_again(store, ana, totp):
    """Neither a right password nor a browser that has shown only this forgives wrong codes."""
    device, looked_at, seconds = None, 0, 0.0
    while seconds < 120:
        try:
            device = sign_in_at(store, seconds, device=device).device
            half = start(store, ana, seconds, awaits_code=True)
            sign_in.check_code(store, half, "000000", address=HERE, device=device, now=after(seconds))
        except SignInFailed:
            looked_at += 1
            seconds += 0.01
        except SlowDown as slow:
            seconds += slow.seconds
    assert looked_at < 25


def test_a_browser_is_known_once_the_code_was_right(store, ana, totp):
    device = sign_in_at(store).device
    half = start(store, ana, awaits_code=True)
    sign_in.check_code(store, half, code(totp, 0), address=HERE, device=device, now=NOON)
    for n in range(sign_in.FREE_TRIES + 1):
        fail(store, 60, address=f"198.51.100.{n}")
    with pytest.raises(SlowDown):
        sign_in_at(store, 60.1, address=ELSEWHERE)
    assert sign_in_at(store, 60.1, device=device).needs_code


# Recovery codes


@pytest.fixture
def recovery(store, ana, totp):
    """Ana's recovery codes."""
    with store.writing() as s:
        return recovery_codes.new_codes(s, ana.id, ana.name, now=NOON)


def recover(store, ana, written, seconds=0.0):
    half = start(store, ana, seconds, awaits_code=True)
    return sign_in.check_code(store, half, written, address=HERE, now=after(seconds + 1))


def test_each_recovery_code_lets_in_once_however_it_is_written(store, ana, recovery):
    assert len({*recovery}) == recovery_codes.MANY
    assert all(len(code.replace("-", "")) >= 23 for code in recovery), "at least 112 bits"
    for written in (recovery[0], recovery[1].lower(), f" {recovery[2].replace('-', ' ')} "):
        whole = recover(store, ana, written)
        assert not find(store, whole, 2).awaits_code
        with pytest.raises(SignInFailed):
            recover(store, ana, written)
    with store.reading() as s:
        assert recovery_codes.left(s, ana.id) == recovery_codes.MANY - 3
        used = audit.history(s, subject=Subject.USER, key="Ana", limit=1)[0]
    assert (used.actor, used.before, used.after) == ("Ana", {"recovery_codes": 6}, {"recovery_codes": 5})


def test_a_recovery_code_is_of_its_own_user_and_the_database_has_hashes_alone(store, ana, recovery):
    ben = add_user(store, "ben", password=PASSWORD)
    with store.writing() as s:
        accounts.enable_totp(s, "ben", secret := new_totp_secret(), code_at(secret, step_at(NOON)), now=NOON)
    with pytest.raises(SignInFailed):
        recover(store, ben, recovery[0])
    with store.reading() as s:
        stored = set(s.scalars(select(RecoveryCode.code_hash)))
    assert stored == {hash_of(code.replace("-", "")) for code in recovery}


def test_new_recovery_codes_and_the_end_of_one_time_codes_end_the_old_ones(store, ana, recovery):
    with store.writing() as s:
        newer = recovery_codes.new_codes(s, ana.id, ana.name)
    with pytest.raises(SignInFailed):
        recover(store, ana, recovery[0])
    assert recover(store, ana, newer[0])
    with store.writing() as s:
        accounts.disable_totp(s, "ana")
        assert recovery_codes.left(s, ana.id) == 0


def test_guesses_at_recovery_codes_are_slowed_as_those_at_one_time_codes(store, ana, recovery):
    wrong = "-".join(["AAAAAA"] * 4)
    for _ in range(sign_in.FREE_TRIES + 1):
        with pytest.raises(SignInFailed):
            recover(store, ana, wrong)
    with pytest.raises(SlowDown):
        recover(store, ana, recovery[0])
