"""The tables of the simulated switch, as its API lists them: channels, registrations, SIP profiles."""

from __future__ import annotations

import html
import json
import re
import time

from fshunt.simulator.core.channel import SimulatedChannel
from fshunt.simulator.core.headers import LOCAL_IP
from fshunt.simulator.core.phones import REGISTERED_SECONDS, Phone
from fshunt.simulator.core.simulated_call import Switch

XML = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'


def show(switch: Switch, argument: str) -> str:
    """``show channels as json``, ``show registrations as json`` and ``show calls count``."""
    if argument == "channels as json":
        return _json([_channel(channel, switch) for channel in switch.all_channels()])
    if argument == "registrations as json":
        return _json([_registration(phone, switch) for phone in switch.registrations.registered()])
    if argument == "calls count":
        return f"\n{len(switch.calls)} total.\n"
    return "-USAGE: channels|registrations as json\n"


def sofia(switch: Switch, argument: str) -> str:
    """``sofia xmlstatus`` and ``sofia xmlstatus profile internal reg``: all phones, where the core's table has one.

    ``sofia status profile internal user USER@DOMAIN``, or ``reg CONTACT``: those of a user, or at a contact.
    """
    words = argument.split()
    if words[:2] == ["status", "profile"] and len(words) == 5:
        return _status(switch, *words[2:])
    if words == ["xmlstatus"]:
        return f"{XML}<profiles>\n{_alias(switch.domain)}{_profile('internal')}</profiles>\n"
    if words[:2] != ["xmlstatus", "profile"] or words[3:] != ["reg"]:
        return "Invalid Syntax!\n"
    if words[2] not in ("internal", switch.domain):
        return f"{XML}Invalid Profile!\n"
    rows = "".join(_xml_registration(phone, switch) for phone in switch.registrations.registered())
    return f"{XML}<profile>\n  <registrations>\n{rows}  </registrations>\n</profile>\n"


def _status(switch: Switch, profile: str, what: str, wanted: str) -> str:
    if profile not in ("internal", switch.domain):
        return "Invalid Profile!\n"
    pattern = re.compile("".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in wanted))
    found = [
        phone
        for phone in switch.registrations.registered()
        if (pattern.search(phone.contact) if what == "reg" else f"{phone.user}@{phone.domain}" == wanted)
    ]
    line = "=" * 97
    rows = "".join(_text_registration(phone, switch) for phone in found)
    return f"\nRegistrations:\n{line}\n{rows}Total items returned: {len(found)}\n{line}\n"


def _text_registration(phone: Phone, switch: Switch) -> str:
    expires = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(switch.clock.epoch() + REGISTERED_SECONDS))
    values = {
        "Call-ID": phone.call_id,
        "User": f"{phone.user}@{phone.domain}",
        "Contact": f'"" <{phone.contact}>',
        "Agent": "simulated phone",
        "Status": f"Registered(UDP)(unknown) EXP({expires}) EXPSECS({REGISTERED_SECONDS})",
        "Ping-Status": "Reachable",
        "Ping-Time": "0.00",
        "Host": switch.name,
        "IP": LOCAL_IP,
        "Port": phone.address.rpartition(":")[2],
        "Auth-User": "unknown",
        "Auth-Realm": phone.domain,
        "MWI-Account": f"{phone.user}@{phone.domain}",
    }
    return "".join(f"{name + ':':<12}\t{value}\n" for name, value in values.items()) + "\n"


def _json(rows: list[dict[str, str]]) -> str:
    return json.dumps({"row_count": len(rows), "rows": rows} if rows else {"row_count": 0}, separators=(",", ":"))


def _channel(channel: SimulatedChannel, switch: Switch) -> dict[str, str]:
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
        "ip_addr": LOCAL_IP,
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
        "initial_ip_addr": LOCAL_IP,
        "initial_dest": profile.destination,
        "initial_dialplan": "XML",
        "initial_context": "default",
    }


def _registration(phone: Phone, switch: Switch) -> dict[str, str]:
    return {
        "reg_user": phone.user,
        "realm": phone.domain,
        "token": phone.call_id,
        "url": f"sofia/internal/{phone.contact}",
        "expires": str(int(switch.clock.epoch()) + REGISTERED_SECONDS),
        "network_ip": LOCAL_IP,
        "network_port": phone.address.rpartition(":")[2],
        "network_proto": "udp",
        "hostname": switch.name,
        "metadata": "",
    }


def _xml_registration(phone: Phone, switch: Switch) -> str:
    expires = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(switch.clock.epoch() + REGISTERED_SECONDS))
    values = {
        "call-id": phone.call_id,
        "user": f"{phone.user}@{phone.domain}",
        "contact": html.escape(f'"" <{phone.contact}>'),
        "agent": "simulated phone",
        "status": f"Registered(UDP)(unknown) exp({expires}) expsecs({REGISTERED_SECONDS})",
        "ping-status": "Reachable",
        "ping-time": "0.00",
        "host": switch.name,
        "network-ip": LOCAL_IP,
        "network-port": phone.address.rpartition(":")[2],
        "sip-auth-user": "unknown",
        "sip-auth-realm": phone.domain,
        "mwi-account": f"{phone.user}@{phone.domain}",
    }
    lines = "".join(f"        <{name}>{value}</{name}>\n" for name, value in values.items())
    return f"    <registration>\n{lines}    </registration>\n"


def _alias(domain: str) -> str:
    return _entry("alias", domain, "internal", "ALIASED")


def _profile(name: str) -> str:
    return _entry("profile", name, f"sip:mod_sofia@{LOCAL_IP}:5060", "RUNNING (0)")


def _entry(kind: str, name: str, data: str, state: str) -> str:
    return (
        f"<{kind}>\n<name>{name}</name>\n<type>{kind}</type>\n<data>{data}</data>\n<state>{state}</state>\n</{kind}>\n"
    )
