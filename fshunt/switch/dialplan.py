"""The dialplan that gives pilots to fshunt, and keeps the caller whatever happens to it (fact 7; design, section 5).

The order of the actions was tried on a real FreeSWITCH in every phase of a call. ``freeswitch-conf/dialplan/fshunt.xml`` is
the same recipe for a range of numbers; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from fshunt.errors import BadValue
from fshunt.hunting.group import Group
from fshunt.hunting.kinds import check_domain, check_extension, check_pilot, check_profile

Action = tuple[str, str]
"""An application and its argument."""

GATE = "fshunt_gate"
"""The number of the gate: an extension between two actions, since a dialplan tests no condition there."""

GATE_FIELD = "${fshunt_answered}"

DOMAIN_FIELD = "${fshunt_domain}|${domain_name}|${uuid_getvar(${uuid} sip_req_host)}"
"""What the call's domain is taken from. The host that was dialled is a caller's text, and FreeSWITCH expands the value of
a variable again, so that ``${sip_req_host}`` would run what a caller writes there. What an API answers it takes as it is."""

ENDS = (
    ("execute_on_answer_fshunt_1", "set socket_resume=false"),
    ("execute_on_answer_fshunt_2", "set fshunt_answered=true"),
    ("execute_on_pre_bridge_fshunt_1", "set socket_resume=false"),
    ("execute_on_pre_bridge_fshunt_2", "set fshunt_answered=true"),
)
"""From the answer on a talk lives without a daemon, and goes no further when it ends. The second pair is for a caller who was
answered before the hunt, by an attendant or by music: for him the answer is the moment he is bridged to a member."""


def recipe(controllers: str, fallback: Sequence[Action]) -> list[Action]:
    """Return the actions for a pilot, in order. ``controllers`` are addresses joined by ``|``."""
    socket = ("socket", f"{controllers} async full")
    gate = ("execute_extension", GATE)
    settings = [
        # A busy or unregistered member does not end the call; an answered call that ends does.
        ("continue_on_fail", "true"),
        ("hangup_after_bridge", "true"),
        # While nobody has answered, a daemon that dies gives the caller to the next action.
        ("fshunt_answered", "false"),
        ("socket_resume", "true"),
        *ENDS,
    ]
    return [
        *(("set", f"{name}={value}") for name, value in settings),
        # The caller hears ringing before any daemon has said a word.
        ("ring_ready", ""),
        socket,
        gate,
        # The daemon is gone and nobody has answered: the other one takes the caller over.
        socket,
        gate,
        *fallback,
    ]


def voicemail_fallback(profile: str, domain: str, box: str) -> list[Action]:
    """Return the actions that give the caller to a voicemail box, and then end the call."""
    return [("answer", ""), ("voicemail", f"{profile} {domain} {box}"), ("hangup", "NORMAL_CLEARING")]


NO_BOX_FALLBACK: list[Action] = [("hangup", "NO_ANSWER")]


def write_dialplan(
    groups: Sequence[Group], *, controllers: Sequence[str], voicemail_profile: str, fallback_box: str | None
) -> str:
    """Return a dialplan file for these groups' pilots, each with its own group's box as the fallback.

    A group without any box falls back on ``fallback_box``, and is hung up where there is none. A group of several domains is
    told by the call's domain. Raises BadValue for a value that does not fit its kind, whatever the database holds.
    """
    check_profile(voicemail_profile)
    addresses = "|".join(_check_controller(address) for address in controllers)
    if not addresses:
        raise BadValue("A dialplan needs the address of at least one controller, such as 127.0.0.1:8084.")
    several = len({group.domain for group in groups}) > 1
    root = ElementTree.Element("include")
    root.append(ElementTree.Comment(" Written by: fshunt dialplan. Write it again when pilots or boxes have changed. "))
    for group in groups:
        box = group.box() or fallback_box
        if box is None:
            root.append(
                ElementTree.Comment(f" {check_pilot(group.pilot)} has no voicemail box: its fallback hangs up. ")
            )
        root.append(_pilot_extension(group, addresses, voicemail_profile, box, several))
    root.append(gate_extension())
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def gate_extension() -> ElementTree.Element:
    """Return the extension that ends a call which was answered; the others pass, and fall into no catch-all."""
    extension = ElementTree.Element("extension", name="fshunt-gate")
    ElementTree.SubElement(extension, "condition", field="destination_number", expression=rf"^{GATE}\z")
    answered = ElementTree.SubElement(extension, "condition", field=GATE_FIELD, expression="^true$")
    _add_actions(answered, [("hangup", "NORMAL_CLEARING")])
    said = "NOTICE fshunt: the controller has let go of a call that nobody answered"
    ElementTree.SubElement(answered, "anti-action", application="log", data=said)
    return extension


def _pilot_extension(
    group: Group, controllers: str, profile: str, box: str | None, several_domains: bool
) -> ElementTree.Element:
    domain, pilot = check_domain(group.domain), check_pilot(group.pilot)
    fallback = NO_BOX_FALLBACK if box is None else voicemail_fallback(profile, domain, check_extension(box))
    extension = ElementTree.Element("extension", name=f"fshunt-{domain}-{pilot}")
    number = {"field": "destination_number", "expression": rf"^{re.escape(pilot)}\z"}
    condition = ElementTree.SubElement(extension, "condition", number)
    if several_domains:
        told = {"field": DOMAIN_FIELD, "expression": _domain_expression(domain)}
        condition = ElementTree.SubElement(extension, "condition", told)
    _add_actions(condition, [("set", f"fshunt_domain={domain}"), *recipe(controllers, fallback)])
    return extension


def _domain_expression(domain: str) -> str:
    """Match DOMAIN_FIELD where the first of its three parts that is not empty is this domain."""
    name = re.escape(domain)
    return rf"(?i)^(?:{name}\|.*|\|{name}\|.*|\|\|{name})\z"


def _add_actions(condition: ElementTree.Element, actions: Iterable[Action]) -> None:
    for application, data in actions:
        attributes = {"application": application} | ({"data": data} if data else {})
        ElementTree.SubElement(condition, "action", attributes)


def _check_controller(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", host) or not port.isdecimal() or not 0 < int(port) < 65536:
        raise BadValue(f"'{address}' is not the address of a controller: HOST:PORT, as in 127.0.0.1:8084.")
    return address
