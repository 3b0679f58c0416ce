"""Scripted SIP phones and callers on one UDP socket, to drive a real FreeSWITCH on loopback.

A phone registers an extension and does with an INVITE what it was told; a caller dials a number and notes what it
hears. All that happens is put in ``Lab.log`` with a monotonic time.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.live.keys import PACKET_SECONDS, is_loud, steady_tone, telephone_event, tone
from tests.live.sip_callers import Caller
from tests.live.sip_watchers import Watcher
from tests.live.sipmessage import Message, media_of, request, sdp, sequence, token

if TYPE_CHECKING:
    from tests.live.machines import Pbx

Address = tuple[str, int]
POLL_SECONDS = 0.2
CALLER_HEADERS = ("diversion", "p-asserted-identity", "remote-party-id", "privacy")
"""In which an INVITE says who calls, besides its From."""


@dataclass
class Seen:
    """One thing that happened at a phone or a caller."""

    at: float
    who: str
    what: str
    detail: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.at:8.3f} {self.who:>14} {self.what} {self.detail or ''}"


@dataclass(frozen=True)
class Behaviour:
    """What a phone does when it is called. Times in seconds."""

    answer_after: float | None = None
    """None: it rings until it is cancelled."""
    reject: int | None = None
    reject_after: float = 0.0
    forwards_to: str | None = None
    """The Contact of a refusal with 301 or 302."""
    hangup_after: float | None = None
    """Counted from the answer."""
    rings: int | None = 180
    """Its first answer: 180, 183 (with sound), or None."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers of its answers, such as ``P-Asserted-Identity``."""
    rings_after: float = 0.0
    """When it sends its first answer; what follows is counted from there."""
    then_180_after: float | None = None
    """When it sends 180 after its first answer."""
    digits: str = ""
    digits_after: float = 0.5
    digits_by: str = "info"
    """How its keys travel: info (RFC 6086), rfc2833, or inband, as tones in the sound."""
    user_agent: str = ""
    """What it calls itself; the switch tells some of a change of the caller's name by UPDATE."""


@dataclass
class Leg:
    """One call to a phone."""

    phone: str
    invite: Message
    sender: Address
    tag: str
    state: str = "ringing"
    script: asyncio.Task[None] | None = None

    def stop(self, state: str) -> None:
        self.state = state
        if self.script is not None:
            self.script.cancel()


class Lab(asyncio.DatagramProtocol):
    """All phones and callers of a test."""

    def __init__(self, pbx: Address, domain: str) -> None:
        self.pbx, self.domain = pbx, domain
        self.log: list[Seen] = []
        self.phones: dict[str, Behaviour] = {}
        self.legs: dict[str, Leg] = {}
        self.callers: dict[str, Caller] = {}
        self.watchers: dict[str, Watcher] = {}
        self.started = time.monotonic()
        self.changed = asyncio.Event()
        self.sound = 0
        """How many packets of sound have come, to anybody; and how many that can be heard."""
        self.loud = 0
        self.heard_from: dict[Address, list[tuple[float, bytes]]] = {}
        """The packets of sound by where they come from, with the time of each as in the log."""
        self._registering: dict[str, asyncio.Future[Message]] = {}
        self._registered: list[tuple[str, str]] = []
        self._at: dict[str, str] = {}
        """Phones by the address that they registered, for those that have another than ours."""
        self._registered_at: list[tuple[str, str, str, str, Address | None, str]] = []
        self._closed = asyncio.Event()
        self.port = 0
        self.transport: asyncio.DatagramTransport

    @classmethod
    async def start(cls, pbx: Address, domain: str, port: int = 0) -> Lab:
        lab = cls(pbx, domain)
        loop = asyncio.get_running_loop()
        lab.transport, _ = await loop.create_datagram_endpoint(lambda: lab, local_addr=("127.0.0.1", port))
        lab.port = lab.transport.get_extra_info("sockname")[1]
        return lab

    async def stop(self) -> None:
        for caller in self.callers.values():
            caller.leave()
        for watcher in self.watchers.values():
            with suppress(TimeoutError):
                await watcher.subscribe(expires=0)
        for extension, phone in self._registered:
            await self._register(extension, phone, expires=0)
        for how in self._registered_at:
            await self._register_how(0, *how)
        for leg in self.legs.values():
            leg.stop("ended")
        self.transport.close()
        await self._closed.wait()

    # The interface for tests

    async def register(self, *extensions: str) -> None:
        """Register extensions; ``1001/soft`` is a further phone of 1001, identified by that name."""
        for name in extensions:
            extension = name.partition("/")[0]
            self.phones.setdefault(name, Behaviour())
            await self._register(extension, name, expires=3600)
            self._registered.append((extension, name))

    async def unregister(self, name: str) -> None:
        await self._register(name.partition("/")[0], name, expires=0)
        self._registered.remove((name.partition("/")[0], name))

    async def register_as(self, extension: str, contact: str) -> None:
        """Register a contact that is no phone of ours."""
        await self._register(extension, extension, 3600, contact)

    async def register_at(
        self, name: str, contact: str, *, domain: str = "", to: Address | None = None, call_id: str = ""
    ) -> None:
        """Register a further phone, named as in ``register``, at an address of ours; it rings at that and no other.

        Percent-encoded or not is the same address, as SIP has it. ``domain``: another tenant's; ``to``: the address of
        another SIP profile.
        """
        self.phones.setdefault(name, Behaviour())
        self._at[unquote(contact.strip("<>").partition(">")[0])] = name
        contact = contact if contact.startswith("<") else f"<{contact}>"
        how = (name.partition("/")[0], name, contact, domain or self.domain, to, call_id)
        self._registered_at.append(how)
        await self._register_how(3600, *how)

    def behave(self, phone: str, **how: object) -> None:
        self.phones[phone] = Behaviour(**how)  # type: ignore[arg-type]

    def caller(
        self,
        number: str,
        *,
        name: str = "caller",
        number_shown: str = "4155550100",
        display: str = "Lab",
        more: dict[str, str] | None = None,
        call_id: str | None = None,
    ) -> Caller:
        """A caller who can dial; ``more`` are further headers of the requests."""
        return Caller(self, number, name, number_shown, display, more, call_id)

    async def watch(
        self, watched: str, *, by: str = "1003", domain: str = "", event: str = "dialog", to: Address | None = None
    ) -> Watcher:
        """Have a key of a phone watch an address of its domain."""
        return await Watcher(self, watched, by, domain or self.domain, event, to).subscribe()

    def hang_up(self, phone: str) -> None:
        for call_id, leg in list(self.legs.items()):
            if leg.phone == phone and leg.state == "answered":
                self._hang_up(call_id, leg)

    def pick_up(self, phone: str) -> None:
        """Have a phone that rings answer, by hand."""
        leg = next(leg for leg in self.legs.values() if leg.phone == phone and leg.state == "ringing")
        leg.stop("answered")
        self.note(phone, "ANSWER")
        self._answer(leg, 200, sdp(self.port))

    async def speak(self, phone: str, hertz: float, seconds: float) -> None:
        """Have a phone in a call send a tone of this pitch."""
        leg = next(leg for leg in self.legs.values() if leg.phone == phone and leg.state == "answered")
        to = media_of(leg.invite.body)
        assert to is not None, "the INVITE names an address for sound"
        for packet in steady_tone(hertz, seconds):
            self.transport.sendto(packet, to)
            await asyncio.sleep(PACKET_SECONDS)

    # What a test asks the lab

    def rang(self) -> list[str]:
        return [seen.who for seen in self.log if seen.what == "INVITE"]

    def seen(self, who: str | None = None, what: str | None = None) -> list[Seen]:
        return [s for s in self.log if who in (None, s.who) and what in (None, s.what)]

    async def until(self, holds: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait until something holds, asked when something is seen and a few times a second for what is not a phone's.

        Raises TimeoutError with the log.
        """
        deadline = time.monotonic() + seconds
        while not holds():
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), POLL_SECONDS)
            except TimeoutError:
                if time.monotonic() < deadline:
                    continue
                raise TimeoutError("\n".join(["This was not seen in time; what was:", *map(str, self.log)])) from None

    def now(self) -> float:
        """The time, as in the log."""
        return time.monotonic() - self.started

    async def until_sound(self) -> None:
        """Wait until somebody receives sound."""
        before = self.sound
        await self.until(lambda: self.sound > before + 10)

    async def until_seen(self, who: str, what: str, count: int = 1, seconds: float = 10.0) -> Seen:
        await self.until(lambda: len(self.seen(who, what)) >= count, seconds)
        return self.seen(who, what)[count - 1]

    async def until_stored(self, pbx: Pbx, box: str, count: int = 1) -> None:
        """Wait until a voicemail box has so many messages."""
        await self.until(lambda: len(pbx.messages(box)) >= count)

    async def until_closed(self, admin: Callable[..., str], result: str) -> dict[str, Any]:
        """Wait until the record of the test's one call has this result, and return it with its offers and skips."""

        def newest() -> Any:
            return json.loads(admin("call", "list", "--json"))["calls"][0]

        await self.until(lambda: newest()["result"] is not None)
        call: dict[str, Any] = json.loads(admin("call", "show", newest()["uuid"], "--json"))["call"]
        assert call["result"] == result, call
        return call

    def ringing_seconds(self, phone: str) -> float:
        """How long the phone rang before it was cancelled."""
        return self.seen(phone, "CANCEL")[0].at - self.seen(phone, "INVITE")[0].at

    # The wire

    def note(self, who: str, what: str, **detail: str) -> None:
        self.log.append(Seen(time.monotonic() - self.started, who, what, detail))
        self.changed.set()

    def send(self, text: str, to: Address | None = None) -> None:
        self.transport.sendto(text.encode(), to or self.pbx)

    def via(self, branch: str) -> str:
        return f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{branch};rport"

    def contact_of(self, phone: str) -> str:
        return f"sip:{phone.replace('/', '-')}@127.0.0.1:{self.port}"

    async def _register(self, extension: str, phone: str, expires: int, contact: str | None = None) -> None:
        contact = contact or f"<{self.contact_of(phone)}>"
        await self._register_how(expires, extension, phone, contact, self.domain, None, "")

    async def _register_how(
        self, expires: int, extension: str, phone: str, contact: str, domain: str, to: Address | None, same_id: str
    ) -> None:
        for _attempt in range(3):
            call_id = same_id or token()
            answered = self._registering[call_id] = asyncio.get_running_loop().create_future()
            address = f"<sip:{extension}@{domain}>"
            headers = {"Via": self.via(token()), "From": f"{address};tag={token()}", "To": address, "Call-ID": call_id}
            headers |= {"CSeq": f"{next(sequence)} REGISTER", "Contact": contact}
            self.send(request("REGISTER", f"sip:{domain}", headers | {"Expires": str(expires)}), to)
            try:
                if (await asyncio.wait_for(answered, 2)).code == 200:
                    return
            except TimeoutError:
                continue
        raise RuntimeError(f"{extension} cannot be registered")

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if data and data[0] & 0xC0 == 0x80:
            self.sound += 1
            self.loud += is_loud(data)
            self.heard_from.setdefault(addr, []).append((self.now(), data))
            return
        if len(data) < 20:  # keep-alives
            return
        message = Message.parse(data)
        call_id = message.get("call-id")
        if not message.is_response:
            self._requested(message, call_id, addr)
        elif call_id in self._registering:
            answered = self._registering[call_id]
            if not answered.done():
                answered.set_result(message)
        elif call_id in self.callers:
            self.callers[call_id].responded(message)
        elif call_id in self.watchers:
            self.watchers[call_id].responded(message)
        elif (leg := self.legs.get(call_id)) is not None and "UPDATE" in message.get("cseq"):
            self.note(leg.phone, "UPDATED")

    def _requested(self, message: Message, call_id: str, sender: Address) -> None:
        leg, caller = self.legs.get(call_id), self.callers.get(call_id)
        if message.method == "ACK":
            return
        if message.method == "NOTIFY" and call_id in self.watchers:
            self.send(message.response(200, f"sip:lab@127.0.0.1:{self.port}"), sender)
            self.watchers[call_id].notified(message)
            return
        if message.method == "INVITE" and leg is None and caller is None:
            self._invited(message, call_id, sender)
            return
        if leg is not None and message.method in ("INVITE", "UPDATE", "INFO"):
            self.note(leg.phone, f"{message.method} AGAIN", shown=message.get("p-asserted-identity"))
        if message.method in ("UPDATE", "INVITE") or (message.method == "INFO" and "display" in message.body.lower()):
            who = leg.phone if leg is not None else caller.name if caller is not None else ""
            self.note(who, "IS SHOWN", identity=message.identity or message.body)
        body = sdp(self.port) if message.method == "INVITE" else ""
        self.send(message.response(200, f"sip:lab@127.0.0.1:{self.port}", body=body), sender)
        if message.method == "CANCEL" and leg is not None and leg.state == "ringing":
            self.note(leg.phone, "CANCEL", reason=message.get("reason"))
            leg.stop("cancelled")
            self._answer(leg, 487)
        elif message.method == "BYE":
            if leg is not None:
                self.note(leg.phone, "BYE", reason=message.get("reason"))
                leg.stop("ended")
            elif caller is not None:
                caller.detach()

    def _invited(self, message: Message, call_id: str, sender: Address) -> None:
        phone = self._at.get(unquote(message.first_line.split(" ")[1]))
        phone = phone or next((name for name in self.phones if name.replace("/", "-") == message.user), None)
        if phone is None:
            self.send(message.response(404, f"sip:lab@127.0.0.1:{self.port}", tag=token()), sender)
            return
        leg = self.legs[call_id] = Leg(phone, message, sender, token())
        headers = {name: message.get(name) for name in CALLER_HEADERS if message.get(name)}
        self.note(phone, "INVITE", shown=message.get("from"), **headers)
        self._answer(leg, 100)
        leg.script = asyncio.get_running_loop().create_task(self._play(call_id, leg, self.phones[phone]))

    def _answer(self, leg: Leg, code: int, body: str = "", contact: str | None = None) -> None:
        tag = leg.tag if code > 100 else None
        contact = contact or self.contact_of(leg.phone)
        how = self.phones[leg.phone]
        more = dict(how.headers) if code > 100 else {}
        if how.user_agent:
            more |= {"User-Agent": how.user_agent, "Allow": "INVITE, ACK, BYE, CANCEL, INFO, UPDATE"}
        self.send(leg.invite.response(code, contact, tag=tag, body=body, more=more), leg.sender)

    async def _play(self, call_id: str, leg: Leg, how: Behaviour) -> None:
        await asyncio.sleep(how.rings_after)
        if how.rings is not None:
            self._answer(leg, how.rings, sdp(self.port) if how.rings == 183 else "")
        if how.then_180_after is not None:
            await asyncio.sleep(how.then_180_after)
            self._answer(leg, 180)
        if how.reject is not None:
            await asyncio.sleep(how.reject_after)
            leg.state = "rejected"
            self.note(leg.phone, f"REJECT {how.reject}")
            self._answer(leg, how.reject, contact=how.forwards_to)
        elif how.answer_after is not None:
            await asyncio.sleep(how.answer_after)
            leg.state = "answered"
            self.note(leg.phone, "ANSWER")
            self._answer(leg, 200, sdp(self.port))
            await self._talk(call_id, leg, how)

    async def _talk(self, call_id: str, leg: Leg, how: Behaviour) -> None:
        for digit in how.digits:
            await asyncio.sleep(how.digits_after)
            await self._press(call_id, leg, digit, how.digits_by)
        if how.hangup_after is not None:
            await asyncio.sleep(how.hangup_after)
            self._hang_up(call_id, leg)

    async def _press(self, call_id: str, leg: Leg, digit: str, by: str) -> None:
        self.note(leg.phone, f"PRESSES {digit}")
        if by == "info":
            self._in_dialog(call_id, leg, "INFO", f"Signal={digit}\r\nDuration=160\r\n")
            return
        to = media_of(leg.invite.body)
        assert to is not None, "the INVITE names an address for sound"
        for packet in telephone_event(digit) if by == "rfc2833" else tone(digit):
            self.transport.sendto(packet, to)
            await asyncio.sleep(PACKET_SECONDS)

    def _hang_up(self, call_id: str, leg: Leg) -> None:
        leg.state = "ended"
        self.note(leg.phone, "HANGUP")
        self._in_dialog(call_id, leg, "BYE")

    def refer(self, phone: str, number: str, replaces: Caller | None = None) -> None:
        """Have the user of a phone in a call transfer the other side to a number (RFC 3515).

        ``replaces`` is a second call of this user, in whose place the other side is put: an attended transfer (RFC
        3891), or a semi-attended one if nobody has answered that call yet.
        """
        call_id, leg = next((c, leg) for c, leg in self.legs.items() if leg.phone == phone and leg.state == "answered")
        self.note(phone, "REFER", to=number)
        target = f"<sip:{number}@{self.domain}{'?Replaces=' + replaces.replaces() if replaces else ''}>"
        self._in_dialog(call_id, leg, "REFER", more={"Refer-To": target, "Referred-By": f"<{self.contact_of(phone)}>"})

    def update(self, phone: str, headers: dict[str, str]) -> None:
        """Have a phone in a call say anew who it is (RFC 3311)."""
        call_id, leg = next((c, leg) for c, leg in self.legs.items() if leg.phone == phone and leg.state == "answered")
        self._in_dialog(call_id, leg, "UPDATE", more=headers)

    def _in_dialog(
        self, call_id: str, leg: Leg, method: str, body: str = "", more: dict[str, str] | None = None
    ) -> None:
        headers = {"Via": self.via(token()), "From": leg.invite.tagged_to(leg.tag), "To": leg.invite.get("from")}
        headers |= {"Call-ID": call_id, "CSeq": f"{next(sequence)} {method}"}
        headers |= {"Contact": f"<{self.contact_of(leg.phone)}>"} | (more or {})
        if body:
            headers["Content-Type"] = "application/dtmf-relay"
        self.send(request(method, leg.invite.contact, headers, body))

    async def send_noise(self, to: Address, seconds: float) -> None:
        """Send PCMU noise, so that a voicemail has something to record."""
        source, first = random.getrandbits(32).to_bytes(4, "big"), random.getrandbits(15)
        for n in range(int(seconds * 50)):
            head = bytes([0x80, 0]) + ((first + n) & 0xFFFF).to_bytes(2, "big") + (n * 160).to_bytes(4, "big") + source
            self.transport.sendto(head + random.randbytes(160), to)
            await asyncio.sleep(0.02)
