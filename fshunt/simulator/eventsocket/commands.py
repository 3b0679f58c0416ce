"""The event socket's commands, as the simulated switch answers them."""

from __future__ import annotations

import re
import uuid as uuids
from collections.abc import Callable

from fshunt.esl.frames import render_api_response, render_reply
from fshunt.simulator.core.headers import SOURCES
from fshunt.simulator.core.lamps import PRESENCE
from fshunt.simulator.eventsocket import api
from fshunt.simulator.eventsocket.socket import EventSocket, Outbound

NOT_FOUND = "-ERR command not found"
FOR_EVER = -1
SUBCLASSES = frozenset({"sofia::register", "sofia::unregister", "sofia::expire"})
KNOWN_EVENTS = frozenset(SOURCES) - SUBCLASSES | {
    *("CHANNEL_CREATE", "CHANNEL_DESTROY", "CHANNEL_CALLSTATE", "CHANNEL_OUTGOING", "CHANNEL_ORIGINATE"),
    *("CHANNEL_UUID", "CHANNEL_APPLICATION", "CHANNEL_HOLD", "CHANNEL_UNHOLD", "BACKGROUND_JOB", "DTMF", "CUSTOM"),
    *("TALK", "NOTALK", "DETECTED_SPEECH", "HEARTBEAT"),
}
MY_EVENTS = KNOWN_EVENTS - {"BACKGROUND_JOB", "CUSTOM", "HEARTBEAT", "CHANNEL_CALLSTATE", "CHANNEL_HOLD"}


def handle(listener: EventSocket, text: str) -> bytes:
    """Executes a command and returns the bytes of the reply."""
    head, _, body = text.partition("\n\n")
    first, *lines = [line.rstrip("\r") for line in head.split("\n")]
    verb, _, rest = first.partition(" ")
    outbound = listener.outbound
    if verb == "connect" and outbound is not None:
        return outbound.connect_reply()
    if verb == "api" and rest.startswith("bgapi "):
        return render_api_response(api.run_aside(listener.switch, rest))
    if verb == "api":
        if rest.startswith("user_data ") and listener.switch.directory_seconds:  # it holds up the connection
            listener.switch.clock.sleep(listener.switch.directory_seconds)
        return render_api_response(api.run(listener.switch, rest))
    if verb == "sendmsg":
        return render_reply(_sendmsg(listener, rest.strip(), _headers(lines), body))
    if verb == "sendevent":
        if rest.strip() == PRESENCE:
            listener.switch.keys.take(_headers(lines))
        return render_reply(f"+OK {uuids.uuid4()}")
    reply = NOT_FOUND
    if command := _COMMANDS.get(verb):
        reply = command(listener, rest.strip())
    elif outbound is not None and (of_call := _CALL_COMMANDS.get(verb)):
        reply = of_call(outbound, rest.strip())
    listener.switch.bus.place(listener)
    return render_reply(reply)


def _headers(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, mark, value = line.partition(":")
        if mark:
            found.setdefault(name.strip().lower(), value.lstrip(" "))
    return found


def _sendmsg(listener: EventSocket, uuid: str, said: dict[str, str], body: str) -> str:
    """Queues an application; ``+OK`` means no more than that (reference, 2.1)."""
    outbound = listener.outbound
    call = outbound.call if outbound and not uuid else listener.switch.calls.get(uuid)
    if call is None and outbound is not None and uuid == outbound.call.uuid:
        call = outbound.call
    if call is None:
        return f"-ERR invalid session id [{uuid}]"
    if said.get("call-command") == "hangup":
        call.hangup(said.get("hangup-cause", "NORMAL_CLEARING"))
    elif said.get("call-command") == "execute":
        argument = said.get("execute-app-arg", body)
        if said.get("execute-app-name") == "bridge" and outbound is not None:
            outbound.note_bridge()
        call.queue(
            said.get("execute-app-name", ""),
            argument,
            said.get("event-uuid") or str(uuids.uuid4()),
            lock=said.get("event-lock") == "true",
            loops=int(said.get("loops", "1")),
        )
    return "+OK"


def _linger(listener: Outbound, rest: str) -> str:
    seconds = int(rest) if rest.isdigit() else FOR_EVER
    listener.stay(seconds)
    return f"+OK will linger {seconds} seconds" if rest.isdigit() else "+OK will linger"


def _nolinger(listener: Outbound, _rest: str) -> str:
    listener.stay(None)
    return "+OK will not linger"


def _myevents(listener: Outbound, _rest: str) -> str:
    if listener.my_events:
        return "-ERR aready enabled."  # FreeSWITCH's own spelling
    listener.want_own_call()
    listener.events.update(MY_EVENTS)
    return "+OK Events Enabled"


def _event(listener: EventSocket, rest: str) -> str:
    words = rest.split()
    form = words.pop(0) if words and words[0] in ("plain", "json", "xml") else "plain"
    known = KNOWN_EVENTS | SUBCLASSES if any(word.upper() == "ALL" for word in words) else _known(words)
    if not known:
        return "-ERR no keywords supplied"
    listener.events.update(known)
    return f"+OK event listener enabled {form}"


def _nixevent(listener: EventSocket, rest: str) -> str:
    known = KNOWN_EVENTS | SUBCLASSES if rest.upper() == "ALL" else _known(rest.split())
    if not known:
        return "-ERR no keywords supplied"
    listener.events.difference_update(known)
    return "+OK events nixed"


def _noevents(listener: EventSocket, _rest: str) -> str:
    if not listener.events:
        return "-ERR not listening for events"
    listener.events.clear()
    return "+OK no longer listening for events"


def _known(words: list[str]) -> frozenset[str]:
    return (KNOWN_EVENTS & {word.upper() for word in words}) | (SUBCLASSES & set(words))


def _filter(listener: EventSocket, rest: str) -> str:
    words = rest.removeprefix("add ").split(" ", 2)
    if words[0] == "delete" and len(words) > 1:
        name, value = words[1], _compared(words[2]) if len(words) > 2 else ""
        listener.filters[:] = [one for one in listener.filters if not _matches(one, name, value)]
        return f"+OK filter deleted. [{name}][{value}]"
    if len(words) < 2:
        return "-ERR invalid syntax"
    name, value = words[0], _compared(" ".join(words[1:]))
    listener.filters.append((name, value))
    return f"+OK filter added. [{name}]=[{value}]"


def _compared(value: str) -> str:
    """What a filter's value means: FreeSWITCH drops a sign before it, and one in slashes is a regular expression."""
    if not value.startswith("/"):
        return value.lstrip("+-")
    return re.sub(r"\\x([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), value.strip("/").strip("^$"))


def _matches(one: tuple[str, str], name: str, value: str) -> bool:
    return name == "all" or (one[0].lower() == name.lower() and value in ("", one[1]))


def _exit(listener: EventSocket, _rest: str) -> str:
    listener.leave()
    return "+OK bye"


def _resume(listener: Outbound, _rest: str) -> str:
    listener.call.variables["socket_resume"] = "true"
    return "+OK"


def _divert(_listener: EventSocket, rest: str) -> str:
    return "+OK events diverted" if rest == "on" else "+OK events not diverted"


_COMMANDS: dict[str, Callable[[EventSocket, str], str]] = {
    "divert_events": _divert,
    "event": _event,
    "exit": _exit,
    "filter": _filter,
    "nixevent": _nixevent,
    "noevents": _noevents,
}
_CALL_COMMANDS: dict[str, Callable[[Outbound, str], str]] = {
    "linger": _linger,
    "myevents": _myevents,
    "nolinger": _nolinger,
    "resume": _resume,
}
