"""A caller: dials a number and notes what it hears."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.live.keys import PACKET_SECONDS, telephone_event
from tests.live.sipmessage import Message, media_of, request, sdp, token
from tests.live.sounds import stretches

if TYPE_CHECKING:
    from tests.live.sip_phones import Lab


SHOWS_UPDATES = "Yealink SIP-T46S 66.85.0.5"
"""A phone that FreeSWITCH sends who the other side is, whenever that changes."""


class Caller:
    """One call to the switch, as its caller experiences it."""

    def __init__(
        self,
        lab: Lab,
        number: str,
        name: str,
        number_shown: str,
        display: str,
        more: dict[str, str] | None = None,
        call_id: str | None = None,
    ) -> None:
        self.lab, self.number, self.name = lab, number, name
        self.number_shown, self.display, self.more = number_shown, display, more or {}
        self.call_id, self.tag, self.branch = call_id or token(16), token(), token()
        self.dialled = f"sip:{number}@{lab.domain}"
        self.to, self.target = f"<{self.dialled}>", self.dialled
        self.final: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()
        self.invites = 1
        """How many there were: each has a number of its own."""
        self.heard: list[int] = []
        self.shown: list[str] = []
        """Who answers, as the switch says it in each of its answers."""
        self.media: tuple[str, int] | None = None
        lab.callers[self.call_id] = self

    def dial(self) -> Caller:
        self.lab.note(self.name, "DIAL", number=self.number)
        self._request("INVITE", 1, self.to, self.branch, sdp(self.lab.port))
        return self

    async def result(self, seconds: float = 60) -> int:
        """The final answer to the call."""
        return await asyncio.wait_for(asyncio.shield(self.final), seconds)

    async def until_end(self, seconds: float = 60) -> None:
        await asyncio.wait_for(self.ended.wait(), seconds)

    async def hears(self, code: int, seconds: float = 5) -> None:
        await self.lab.until_seen(self.name, f"HEARS {code}", seconds=seconds)

    async def speak(self, seconds: float) -> None:
        assert self.media is not None, "the caller has no address to send sound to"
        await self.lab.send_noise(self.media, seconds)

    def heard_sound(self, since: float = 0.0, until: float = float("inf")) -> list[tuple[float, list[int]]]:
        """What the caller has heard: stretches of sound, and when each began, as in the log."""
        assert self.media is not None, "the caller has no address that sound comes from"
        packets = self.lab.heard_from.get(self.media, [])
        return stretches([(at, packet) for at, packet in packets if since <= at < until])

    def replaces(self) -> str:
        """This call's dialog, as an address in Refer-To names it."""
        tag = self.to.partition("tag=")[2]
        return quote(f"{self.call_id};to-tag={tag};from-tag={self.tag}", safe="")

    def refer(self, number: str, replaces: Caller) -> None:
        """Transfer the other side to where another call of this caller waits (RFC 3891)."""
        self.lab.note(self.name, "REFER", to=number)
        target = f"<sip:{number}@{self.lab.domain}?Replaces={replaces.replaces()}>"
        more = {"Refer-To": target, "Referred-By": f"<sip:{self.number_shown}@{self.lab.domain}>"}
        self._request("REFER", self.invites + 2, self.to, token(), target=self.target, more=more)

    def cancel(self) -> None:
        self.lab.note(self.name, "CANCELS")
        self._request("CANCEL", self.invites, f"<{self.dialled}>", self.branch)

    def hang_up(self) -> None:
        self.lab.note(self.name, "HANGS UP")
        self._request("BYE", self.invites + 1, self.to, token(), target=self.target)
        self.ended.set()

    async def updates(self, headers: dict[str, str]) -> None:
        """Say anew who calls, as a trunk does (RFC 3311)."""
        self._request("UPDATE", self.invites + 2, self.to, token(), target=self.target, more=headers)
        await self.lab.until_seen(self.name, "UPDATED")

    async def press(self, digit: str) -> None:
        """Press a key, before the answer too (RFC 2833)."""
        assert self.media is not None, "the caller has no address to send keys to"
        for packet in telephone_event(digit):
            self.lab.transport.sendto(packet, self.media)
            await asyncio.sleep(PACKET_SECONDS)

    def leave(self) -> None:
        """End the call whatever its state, as the test's end."""
        if not self.final.done():
            self.cancel()
        elif not self.ended.is_set():
            self.hang_up()

    def detach(self) -> None:
        self.lab.note(self.name, "LET GO")
        self.ended.set()

    def responded(self, message: Message) -> None:
        self.media = media_of(message.body) or self.media
        code = message.code
        if "UPDATE" in message.get("cseq"):
            self.lab.note(self.name, "UPDATED")
        if "INVITE" not in message.get("cseq") or code == 100:
            return
        self.to, self.target = message.get("to"), message.contact or self.target
        self.shown += [message.identity] if message.identity else []
        if not self.heard or self.heard[-1] != code:
            self.heard.append(code)
            self.lab.note(self.name, f"HEARS {code}")
        if code >= 200:
            self._finally(code, message)

    def _finally(self, code: int, message: Message) -> None:
        answered = code < 300
        self._request(
            "ACK",
            self.invites,
            self.to,
            token() if answered else self.branch,
            target=self.target if answered else self.dialled,
        )
        if not self.final.done():
            self.final.set_result(code)
        if not answered:
            self.ended.set()

    def _request(
        self,
        method: str,
        count: int,
        to: str,
        branch: str,
        body: str = "",
        *,
        target: str | None = None,
        more: dict[str, str] | None = None,
    ) -> None:
        me = f'"{self.display}" <sip:{self.number_shown}@{self.lab.domain}>;tag={self.tag}'
        headers = {"Via": self.lab.via(branch), "From": me, "To": to, "Call-ID": self.call_id}
        headers |= {"CSeq": f"{count} {method}", "Contact": f"<sip:caller@127.0.0.1:{self.lab.port}>"} | self.more
        if body:
            headers |= {"Content-Type": "application/sdp", "Allow": "INVITE, ACK, BYE, CANCEL, INFO, UPDATE"}
            headers |= {"User-Agent": SHOWS_UPDATES}
        self._send(request(method, target or self.dialled, headers | (more or {}), body))

    def _send(self, text: str) -> None:
        self.lab.send(text)
