"""The signature of a webhook, as the specification Standard Webhooks has it: HMAC-SHA256 over id, time and body.

The receiver knows by it that the request is of this fshunt and of now; the id tells a repeat from a new notice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

SECRET_PREFIX = "whsec_"  # noqa: S105 (what secrets begin with)
SECRET_BYTES = 32
VERSION = "v1"


def secret_of(random: bytes) -> str:
    """Return a secret as receivers are given it."""
    return SECRET_PREFIX + base64.b64encode(random).decode("ascii")


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header `webhook-signature` of a request at ``timestamp``, in seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    made = hmac.new(key, signed, hashlib.sha256).digest()
    return f"{VERSION},{base64.b64encode(made).decode('ascii')}"


def headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a signed request."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, message_id, timestamp, body),
    }
