"""The API commands that the simulated switch answers, word for word as FreeSWITCH does."""

from __future__ import annotations

import re
import uuid as uuids
from collections.abc import Callable

from fshunt.simulator.core.channel import set_variable
from fshunt.simulator.core.headers import SWITCH_NAME
from fshunt.simulator.core.simulated_call import Switch
from fshunt.simulator.core.sip_causes import NORMAL_CLEARING
from fshunt.simulator.dialplan.dialstring import DialError
from fshunt.simulator.dialplan.originating import originate
from fshunt.simulator.eventsocket.tables import show, sofia

NO_OUTPUT = "-ERR no reply\n"
"""What an event socket says where a command has written nothing."""
NO_CHANNEL = "-ERR No such channel!\n"
OK = "+OK\n"
_UNESCAPED_SEMICOLON = re.compile(r"(?<!\\);")


def run_aside(switch: Switch, text: str) -> str:
    """Runs ``bgapi``: answers at once, and tells the output by an event; only the directory takes time."""
    job, words = str(uuids.uuid4()), text.removeprefix("bgapi ")
    if words.startswith("uuid:"):
        job, _, words = words.removeprefix("uuid:").partition(" ")
    seconds = switch.directory_seconds if words.startswith("user_data") else 0.0
    switch.clock.call_later(seconds, lambda: switch.bus.job_ended(job, words, _of_no_socket(run(switch, words))))
    return f"+OK Job-UUID: {job}\n"


def _of_no_socket(output: str) -> str:
    """What a job has written: that there is nothing is said by the event socket, not by the command."""
    return "" if output == NO_OUTPUT else output


def run(switch: Switch, text: str) -> str:
    """Runs an API command and returns its output."""
    name, _, argument = text.strip().partition(" ")
    function = _TABLE.get(name)
    return function(switch, argument.strip()) if function else f"-ERR {name} Command not found!\n"


def _sofia_contact(switch: Switch, argument: str) -> str:
    user, _, where = argument.removeprefix("*/").removeprefix("internal/").partition("@")
    domain, _, mark = where.partition("/")  # the mark is put before each contact (mod_sofia.c, contact_callback)
    phones = switch.registrations.named_by(user, domain or switch.domain)
    return ",".join(f"{mark}sofia/internal/{phone.contact}" for phone in phones) or "error/user_not_registered"


def _originate(switch: Switch, argument: str) -> str:
    """The real one answers when the call is answered or over; nobody reads it here."""
    try:
        originate(switch, argument)
    except DialError as error:
        return f"-ERR {error.cause}\n"
    return OK


def _uuid_kill(switch: Switch, argument: str) -> str:
    uuid, _, cause = argument.partition(" ")
    if call := switch.calls.get(uuid):
        call.hangup(cause or NORMAL_CLEARING)
        return OK
    if leg := switch.find_leg(uuid):
        leg.hangup(cause or NORMAL_CLEARING)
        return OK
    return NO_CHANNEL


def _hupall(switch: Switch, argument: str) -> str:
    cause, *pairs = argument.split()
    having = dict(zip(pairs[::2], pairs[1::2], strict=False))
    for channel in list(switch.all_channels()):
        if all(channel.variables.get(name) == value for name, value in having.items()):
            _uuid_kill(switch, f"{channel.uuid} {cause}")
    shown = "".join(f" matching [{name}]=[{value}]" for name, value in list(having.items())[:1])
    return f"+OK hangup all channels{shown}{'...' if len(having) > 1 else ''} with cause: {cause}\n"


def _uuid_break(switch: Switch, argument: str) -> str:
    uuid, _, how = argument.partition(" ")
    call = switch.calls.get(uuid)
    if call is None:
        return NO_CHANNEL
    call.break_off(everything="all" in how)
    return OK


def _uuid_displace(switch: Switch, argument: str) -> str:
    uuid, action, path, *_ = argument.split(" ")
    call = switch.calls.get(uuid)
    if call is None:
        return "-ERR Cannot locate session!\n"
    if action == "stop":
        return "+OK Success\n" if call.stop_displacing(path) else "-ERR Cannot stop displace session!\n"
    return "+OK Success\n" if call.displace(path) else "-ERR Cannot displace session!\n"


def _uuid_setvar(switch: Switch, argument: str) -> str:
    uuid, _, rest = argument.partition(" ")
    name, _, value = rest.partition(" ")
    channel = switch.find_channel(uuid)
    if channel is None:
        return NO_CHANNEL
    if not name:
        return "-ERR No variable specified\n"
    set_variable(channel.variables, name, value)
    return OK


def _uuid_setvar_multi(switch: Switch, argument: str) -> str:
    uuid, _, rest = argument.partition(" ")
    channel = switch.find_channel(uuid)
    if channel is None:
        return f"{NO_CHANNEL}-USAGE: <uuid> <var>=<value>;<var>=<value>...\n"
    for pair in _UNESCAPED_SEMICOLON.split(rest):
        name, _, value = pair.replace("\\;", ";").partition("=")
        set_variable(channel.variables, name, value)
    return OK


def _uuid_getvar(switch: Switch, argument: str) -> str:
    uuid, _, name = argument.partition(" ")
    channel = switch.find_channel(uuid)
    return NO_CHANNEL if channel is None else channel.variables.get(name, "_undef_")


def _uuid_exists(switch: Switch, argument: str) -> str:
    return "true" if switch.find_channel(argument) else "false"


def _uuid_broadcast(switch: Switch, argument: str) -> str:
    uuid, _, what = argument.partition(" ")
    call = switch.calls.get(uuid)
    if call is None:
        return "-ERR invalid uuid\n"
    application, _, rest = what.rpartition(" ")[0].partition("::")
    call.queue(application, rest, "", lock=True, loops=1)  # FreeSWITCH locks what it broadcasts
    return "+OK Message sent\n"


def _domain_exists(switch: Switch, argument: str) -> str:
    return "true" if argument == switch.domain else "false"


def _list_users(switch: Switch, argument: str) -> str:
    head = "userid|context|domain|group|contact|callgroup|effective_caller_id_name|effective_caller_id_number"
    domain = argument.removeprefix("domain ")
    users = switch.directory if domain == switch.domain else {}
    rows = [f"{user}|default|{domain}|default|error/user_not_registered||{name}|" for user, name in users.items()]
    return "\n".join([head, *rows, "", "+OK", ""])


USUAL_DIAL_STRING = (
    "{^^:presence_id=${dialed_user}@${dialed_domain}}${sofia_contact(*/${dialed_user}@${dialed_domain})}"
)


def _user_data(switch: Switch, argument: str) -> str:
    who, _, what = argument.partition(" ")
    user, _, domain = who.partition("@")
    if domain != switch.domain or not switch.has_user(user):
        return NO_OUTPUT
    if what == "param dial-string":
        return switch.dial_strings.get(user, USUAL_DIAL_STRING)
    return user if what == "attr id" else NO_OUTPUT


def _vm_boxcount(switch: Switch, argument: str) -> str:
    profile, _, who = argument.partition("/")
    if profile != "default":
        return "-ERR No such profile\n"
    return str(switch.messages_in(who.partition("@")[0]))


def _xml_locate(switch: Switch, argument: str) -> str:
    if argument == "configuration configuration name sofia.conf":
        return switch.sofia_xml
    where, _, context = argument.rpartition(" ")
    if where != "dialplan context name" or context == "nowhere":
        return "can't find anything\n"
    return switch.dialplan_xml(context)


def _global_getvar(switch: Switch, argument: str) -> str:
    return switch.bus.core_uuid if argument == "core_uuid" else ""


def _switchname(_switch: Switch, _argument: str) -> str:
    return SWITCH_NAME


def _db(switch: Switch, argument: str) -> str:
    """``mod_db``, as far as it keeps values: a slash ends a word, and it gives 255 characters of a value."""
    words = argument.split("/")
    if not switch.has_mod_db:
        return "-ERR db Command not found!\n"
    match words:
        case ["insert", realm, key, value, *_]:
            switch.kept_values[realm, key] = value
            return "+OK"
        case ["delete", realm, key, *_]:
            switch.kept_values.pop((realm, key), None)
            return "+OK"
        case ["select", realm, key, *_]:
            return switch.kept_values.get((realm, key), "")[:255] or NO_OUTPUT
    return "!err!"


def _uuid_flush_dtmf(switch: Switch, argument: str) -> str:
    """Keys are told of at once here: none is left to be forgotten."""
    return OK if switch.find_channel(argument) else NO_CHANNEL


def _say_string(_switch: Switch, argument: str) -> str:
    """Names the digits one by one; of the modules for languages there is that for English."""
    match argument.split():
        case ["en.wav", "en", "number", "pronounced", number] if number.isdecimal():
            return "file_string://" + "!".join(f"digits/{digit}.wav" for digit in number)
    return "-ERR Usage: <module_name>[.<ext>] <lang>[.<ext>] <say_type> <say_method> [<say_gender>] <text>\n"


def _uptime(switch: Switch, _argument: str) -> str:
    return f"{int(switch.clock.now())}\n"


def _reloadxml(_switch: Switch, _argument: str) -> str:
    return "+OK [Success]\n"


def _status(switch: Switch, _argument: str) -> str:
    limits, sessions = switch.throttle.limits, switch.throttle.sessions
    return (
        "FreeSWITCH (Version 1.10.12 simulated) is ready\n"
        f"{sessions} session(s) - peak {sessions}, last 5min {sessions} \n"
        f"0 session(s) per Sec out of max {limits.per_second}, peak 0, last 5min 0 \n"
        f"{limits.sessions} session(s) max\n"
    )


_TABLE: dict[str, Callable[[Switch, str], str]] = {
    "db": _db,
    "domain_exists": _domain_exists,
    "hupall": _hupall,
    "list_users": _list_users,
    "originate": _originate,
    "reloadxml": _reloadxml,
    "say_string": _say_string,
    "show": show,
    "sofia": sofia,
    "sofia_contact": _sofia_contact,
    "status": _status,
    "global_getvar": _global_getvar,
    "switchname": _switchname,
    "uptime": _uptime,
    "user_data": _user_data,
    "uuid_break": _uuid_break,
    "uuid_broadcast": _uuid_broadcast,
    "uuid_displace": _uuid_displace,
    "uuid_exists": _uuid_exists,
    "uuid_flush_dtmf": _uuid_flush_dtmf,
    "uuid_getvar": _uuid_getvar,
    "uuid_kill": _uuid_kill,
    "uuid_setvar": _uuid_setvar,
    "uuid_setvar_multi": _uuid_setvar_multi,
    "vm_boxcount": _vm_boxcount,
    "xml_locate": _xml_locate,
}
