"""Signatures of webhooks, held to the example of the specification."""

from __future__ import annotations

from fshunt.notices.signing import headers, secret_of, signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_example_of_standard_webhooks_has_its_signature() -> None:
    body = b'{"test": 2432232314}'
    made = signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_signature_is_of_the_id_the_time_and_the_body() -> None:
    secret = secret_of(bytes(32))
    made = {signature(secret, *each) for each in (("a", 1, b"x"), ("b", 1, b"x"), ("a", 2, b"x"), ("a", 1, b"y"))}
    assert len(made) == 4
    assert headers(secret, "a", 1, b"x")["webhook-id"] == "a"
