"""Callers that log in: they answer the switch's question for a password (RFC 3261, section 22)."""

from __future__ import annotations

import re
from hashlib import md5
from typing import TYPE_CHECKING

from tests.live.machines import password_of
from tests.live.sip_callers import Caller
from tests.live.sipmessage import Message, sdp, token

if TYPE_CHECKING:
    from tests.live.sip_phones import Address, Lab

_FIELD = re.compile(r'(\w+)="?([^",]*)"?')


class PhoneCall(Caller):
    """A call that a phone makes with a user's password. From whom it says it comes is another matter."""

    def __init__(
        self,
        lab: Lab,
        number: str,
        user: str,
        at: Address,
        *,
        says: str | None = None,
        password: str | None = None,
        more: dict[str, str] | None = None,
    ) -> None:
        super().__init__(lab, number, f"phone {user}", says or user, user, more)
        self.user, self.at, self.password = user, at, password or password_of(user)
        self.asked = 0
        """How often the switch has asked for the password."""

    def responded(self, message: Message) -> None:
        challenge = message.get("proxy-authenticate") or message.get("www-authenticate")
        if message.code not in (401, 407) or not challenge or self.asked:
            super().responded(message)
            return
        self.asked += 1
        self._request("ACK", 1, message.get("to"), self.branch)
        self.branch = token()
        self.more = self.more | {"Proxy-Authorization": self._proof(challenge)}
        self.invites += 1
        self._request("INVITE", self.invites, self.to, self.branch, sdp(self.lab.port))

    def _proof(self, challenge: str) -> str:
        said = dict(_FIELD.findall(challenge))
        realm, nonce, once = said["realm"], said["nonce"], token()
        who = _hash(f"{self.user}:{realm}:{self.password}")
        response = _hash(f"{who}:{nonce}:00000001:{once}:auth:{_hash(f'INVITE:{self.dialled}')}")
        fields = {"username": self.user, "realm": realm, "nonce": nonce, "uri": self.dialled, "response": response}
        quoted = ", ".join(f'{name}="{value}"' for name, value in fields.items())
        return f'Digest {quoted}, algorithm=MD5, cnonce="{once}", nc=00000001, qop=auth'

    def _send(self, text: str) -> None:
        self.lab.send(text, self.at)


def _hash(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
