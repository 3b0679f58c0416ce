"""The API commands that the simulated switch answers, word for word as FreeSWITCH does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fshunt.simulator.causes import NORMAL_CLEARING
from fshunt.simulator.channel import set_variable

if TYPE_CHECKING:
    from fshunt.simulator.channel import Channel
    from fshunt.simulator.switch import SimulatedSwitch

NO_CHANNEL = "-ERR No such channel!\n"
OK = "+OK\n"


def run(switch: SimulatedSwitch, text: str) -> str:
    """Runs an API command and gives its output."""
    name, _, argument = text.strip().partition(" ")
    function = _TABLE.get(name)
    return function(switch, argument.strip()) if function else f"-ERR {name} Command not found!\n"


def _sofia_contact(switch: SimulatedSwitch, argument: str) -> str:
    user, _, where = argument.removeprefix("*/").removeprefix("internal/").partition("@")
    domain, _, mark = where.partition("/")  # the mark is put before each contact (mod_sofia.c, contact_callback)
    phones = switch.registrations.phones_of(user, domain or switch.domain)
    return ",".join(f"{mark}sofia/internal/{phone.contact}" for phone in phones) or "error/user_not_registered"


def _uuid_kill(switch: SimulatedSwitch, argument: str) -> str:
    uuid, _, cause = argument.partition(" ")
    if call := switch.calls.get(uuid):
        call.hangup(cause or NORMAL_CLEARING)
        return OK
    if leg := switch.find_leg(uuid):
        leg.hangup(cause or NORMAL_CLEARING)
        return OK
    return NO_CHANNEL


def _uuid_setvar(switch: SimulatedSwitch, argument: str) -> str:
    uuid, _, rest = argument.partition(" ")
    name, _, value = rest.partition(" ")
    channel = switch.find_channel(uuid)
    if channel is None:
        return NO_CHANNEL
    if not name:
        return "-ERR No variable specified\n"
    set_variable(channel.variables, name, value)
    return OK


def _uuid_setvar_multi(switch: SimulatedSwitch, argument: str) -> str:
    uuid, _, rest = argument.partition(" ")
    channel = switch.find_channel(uuid)
    if channel is None:
        return f"{NO_CHANNEL}-USAGE: <uuid> <var>=<value>;<var>=<value>...\n"
    for pair in rest.split(";"):
        name, _, value = pair.partition("=")
        set_variable(channel.variables, name, value)
    return OK


def _uuid_getvar(switch: SimulatedSwitch, argument: str) -> str:
    uuid, _, name = argument.partition(" ")
    channel = switch.find_channel(uuid)
    return NO_CHANNEL if channel is None else channel.variables.get(name, "_undef_")


def _uuid_exists(switch: SimulatedSwitch, argument: str) -> str:
    return "true" if switch.find_channel(argument) else "false"


def _uuid_broadcast(switch: SimulatedSwitch, argument: str) -> str:
    uuid, _, what = argument.partition(" ")
    call = switch.calls.get(uuid)
    if call is None:
        return "-ERR invalid uuid\n"
    application, _, rest = what.rpartition(" ")[0].partition("::")
    call.queue(application, rest, "", lock=True, loops=1)  # FreeSWITCH locks what it broadcasts
    return "+OK Message sent\n"


def _show(switch: SimulatedSwitch, argument: str) -> str:
    if argument != "channels as json":
        return "-USAGE: channels as json\n"
    rows = [_row(channel, switch) for channel in switch.all_channels()]
    return json.dumps({"row_count": len(rows), "rows": rows} if rows else {"row_count": 0}, separators=(",", ":"))


def _row(channel: Channel, switch: SimulatedSwitch) -> dict[str, str]:
    profile = channel.profile
    created = profile.times.created
    empty = (
        *("read_codec", "read_rate", "read_bit_rate", "write_codec", "write_rate", "write_bit_rate", "secure"),
        *("presence_data", "accountcode", "callee_direction", "sent_callee_name", "sent_callee_num"),
    )
    return {
        "uuid": channel.uuid,
        "direction": profile.direction,
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(created)),
        "created_epoch": str(int(created)),
        "name": channel.name,
        "state": channel.state,
        "cid_name": profile.caller_name,
        "cid_num": profile.caller_number,
        "ip_addr": "127.0.0.1",
        "dest": profile.destination,
        "application": channel.application[0],
        "application_data": channel.application[1],
        "dialplan": "XML",
        "context": "default",
        **dict.fromkeys(empty, ""),
        "hostname": switch.name,
        "presence_id": channel.presence_id,
        "callstate": channel.call_state,
        "callee_name": profile.callee_name,
        "callee_num": profile.callee_number,
        "call_uuid": "" if channel.call_uuid == channel.uuid else channel.call_uuid,
        "initial_cid_name": profile.caller_name,
        "initial_cid_num": profile.caller_number,
        "initial_ip_addr": "127.0.0.1",
        "initial_dest": profile.destination,
        "initial_dialplan": "XML",
        "initial_context": "default",
    }


def _status(switch: SimulatedSwitch, _argument: str) -> str:
    return f"FreeSWITCH (Version 1.10.12 simulated) is ready\n{len(switch.calls)} session(s) - peak 0\n"


_TABLE: dict[str, Callable[[SimulatedSwitch, str], str]] = {
    "show": _show,
    "sofia_contact": _sofia_contact,
    "status": _status,
    "uuid_broadcast": _uuid_broadcast,
    "uuid_exists": _uuid_exists,
    "uuid_getvar": _uuid_getvar,
    "uuid_kill": _uuid_kill,
    "uuid_setvar": _uuid_setvar,
    "uuid_setvar_multi": _uuid_setvar_multi,
}
