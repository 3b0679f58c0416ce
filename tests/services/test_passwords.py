"""Which passwords may be chosen, and their hashes."""

import sys

import pytest

from fshunt.errors import BadValue, FshuntError
from fshunt.services import passwords
from tests.support.accounts import quick_hashes  # noqa: F401 (fixture)

GOOD = [
    "correct horse battery",
    "purple-monkey-dishwasher",
    "tr0ub4dor&3xyzzy",
    "Löwenzahn im Garten",
    "九州の山を歩く夏の朝早く",
    "x" * 3 + "anything goes 9",
    "my dragon ate the master key",
    " leading and trailing ",
]


@pytest.mark.parametrize("password", GOOD)
def test_a_password_of_any_characters_may_be_chosen(password):
    passwords.check_new(password, name="ana")


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("", "has 0 characters: use 12 or more"),
        ("elevenchars", "has 11 characters"),
        ("x9" * 200, "has 400 characters: use at most 256"),
        ("my name is Ana.Silva!", "has the name of the user in it"),
        ("password1234", "one of the first"),
        ("P@ssw0rd2026!", "one of the first"),
        ("Welcome123456", "one of the first"),
        ("2026!Freeswitch!2026", "one of the first"),
        ("letmeinletmein", "one of the first"),
        ("aaaaaaaaaaaaa", "one of the first"),
        ("abcabcabcabc", "one of the first"),
        ("123456789012", "one of the first"),
        ("0987654321098", "one of the first"),
        ("qwertyuiopas", "one of the first"),
        ("lkjhgfdsapoi", "one of the first"),
        ("1q2w3e4r5t6y", "one of the first"),
    ],
)
def test_a_password_that_is_short_or_guessed_first_is_refused(password, sentence):
    with pytest.raises(BadValue) as refused:
        passwords.check_new(password, name="ana.silva@example.com")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not password or password not in str(refused.value), "a sentence may be logged"


def test_a_short_name_may_stand_in_a_password():
    passwords.check_new("I like apples best", name="li")


def test_128_characters_are_allowed_and_nothing_is_cut_off(quick_hashes):  # noqa: F811
    long = "four words and more " * 12
    made = passwords.new_hash(long, name="ana")
    assert passwords.verify(made, long).ok
    assert not passwords.verify(made, long[:-1]).ok


def test_a_hash_is_argon2id_at_the_cost_that_is_set_with_a_salt_of_its_own():
    first, second = passwords.hash_password(GOOD[0]), passwords.hash_password(GOOD[0])
    assert first.startswith("$argon2id$v=19$m=65536,t=2,p=1$")
    assert first != second
    assert GOOD[0] not in first
    assert passwords.verify(first, GOOD[0]) == passwords.Verified(ok=True, outdated=False)
    assert passwords.verify(first, GOOD[1]) == passwords.Verified(ok=False)


def test_a_hash_of_another_cost_is_verified_and_told_as_outdated(monkeypatch, quick_hashes):  # noqa: F811
    made = passwords.hash_password(GOOD[0])
    monkeypatch.setattr(passwords, "ROUNDS", 2)
    assert passwords.verify(made, GOOD[0]) == passwords.Verified(ok=True, outdated=True)


def test_nobodys_password_costs_as_much_as_somebodys_and_is_never_right(monkeypatch):
    import argon2

    verified = []
    real = argon2.PasswordHasher.verify

    def noted(self, password_hash, password):
        verified.append(argon2.extract_parameters(password_hash))
        return real(self, password_hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", noted)
    made = passwords.hash_password(GOOD[0])
    assert passwords.verify(made, GOOD[0]).ok
    assert not passwords.verify(None, GOOD[0]).ok
    somebodys, nobodys = verified
    assert somebodys == nobodys


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$v=19$m=8,t=1,p=1$", "$2b$12$abcdefghijklmnopqrstuv"])
def test_what_is_no_hash_of_argon2_lets_nobody_in(stored):
    assert not passwords.verify(stored, "").ok
    assert not passwords.verify(stored, GOOD[0]).ok


@pytest.mark.parametrize("odd", ["\ud800 single surrogate", "nul\0 nul nul nul", "x" * 100_000])
def test_odd_text_is_wrong_and_no_error(odd, quick_hashes):  # noqa: F811
    made = passwords.hash_password(GOOD[0])
    assert not passwords.verify(made, odd).ok


def test_the_same_characters_typed_another_way_are_the_same_password(quick_hashes):  # noqa: F811
    made = passwords.hash_password("L\u00f6wenzahn im Garten")
    assert passwords.verify(made, "Lo\u0308wenzahn im Garten").ok


def test_without_argon2_one_sentence_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "argon2", None)
    with pytest.raises(FshuntError, match=r"Passwords need the Python package argon2.*pip install '\.\[web\]'"):
        passwords.hash_password(GOOD[0])
