"""What docs/notices.md shows to receivers works on what is sent."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from fshunt.notices.signing import headers, secret_of
from tests.support.documents import DOCS

PAGE = (DOCS / "notices.md").read_text()


def block(kind: str) -> str:
    """The first fenced block of a kind."""
    found = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def is_genuine() -> Any:
    shown: dict[str, Any] = {}
    exec(block("python"), shown)
    return shown["is_genuine"]


def test_the_receiver_of_the_page_takes_what_is_genuine_and_of_now_alone(is_genuine: Any) -> None:
    import time

    secret, body, now = secret_of(bytes(32)), b'{"type":"missed"}', int(time.time())
    made = headers(secret, "1-hunt-a", now, body)
    assert is_genuine(secret, made, body)
    assert not is_genuine(secret, made, body + b" ")
    assert not is_genuine(secret_of(bytes(31) + b"x"), made, body)
    assert not is_genuine(secret, made | {"webhook-id": "1-hunt-b"}, body)
    assert not is_genuine(secret, headers(secret, "1-hunt-a", now - 301, body), body)
    assert is_genuine(secret, made | {"webhook-signature": f"v1,other {made['webhook-signature']}"}, body)


def test_the_request_of_the_page_has_the_names_that_are_sent() -> None:
    from fshunt.notices.message import body_of
    from tests.daemon.test_notice_senders import MAIL

    shown, sent = json.loads(block("json")), json.loads(body_of(MAIL))
    assert shown.keys() == sent.keys()
    assert shown["data"].keys() == sent["data"].keys()
    assert shown["data"]["events"][0].keys() == sent["data"]["events"][0].keys()
