"""What can be wrong with a request of a program, beside what services refuse."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from fshunt.errors import FshuntError


class RequestError(FshuntError):
    """A request that no service sees; ``status`` is its HTTP status."""

    status: ClassVar[HTTPStatus]


class BadRequest(RequestError):
    """The request cannot be read: broken JSON, a parameter that is none."""

    code, status = "bad-request", HTTPStatus.BAD_REQUEST


class NotAuthenticated(RequestError):
    """There is no token, or it does not hold. The answers to both are the same but for ``invalid``."""

    code, status = "not-authenticated", HTTPStatus.UNAUTHORIZED

    def __init__(self, *, invalid: bool) -> None:
        super().__init__(
            "This token does not hold: it is unknown, expired or revoked, or its user is disabled."
            if invalid
            else "Send a token: `Authorization: Bearer fsh_...`. `fshunt token add` makes one."
        )
        self.invalid = invalid


class ChangedMeanwhile(RequestError):
    """What the program has read is not what is there now."""

    code, status = "changed-meanwhile", HTTPStatus.PRECONDITION_FAILED


class WrongContentType(RequestError):
    """The body is something else than JSON."""

    code, status = "wrong-content-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class BadFields(RequestError):
    """Fields of the body that are wrong, each with a sentence."""

    code, status = "bad-value", HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, sentences: Mapping[str, str]) -> None:
        super().__init__(" ".join(sentences.values()))
        self.sentences = dict(sentences)


class MatchMissing(RequestError):
    """A change does not say which version it is meant for."""

    code, status = "if-match-missing", HTTPStatus.PRECONDITION_REQUIRED


class RateExceeded(RequestError):
    """The token was used too often; it may be used again in ``seconds``."""

    code, status = "rate-exceeded", HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, quota: int, seconds: int) -> None:
        super().__init__(f"This token has sent {quota} requests within a minute: send the next in {seconds} s.")
        self.seconds = seconds
