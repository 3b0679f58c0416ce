"""The dialplan that gives pilots to fshunt, and keeps the caller whatever happens to it (fact 7; design, section 5).

The order of the actions was tried on a real FreeSWITCH in every phase of a call. The file in ``freeswitch-conf`` is the
same recipe for a range of numbers; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from fshunt.errors import BadValue
from fshunt.freeswitch.feature_tones import REFUSED_TONE, TONE
from fshunt.freeswitch.pilot_table import NO_BOX, REALM
from fshunt.hunting.features import Codes
from fshunt.hunting.group import Group
from fshunt.hunting.validation import check_domain, check_extension, check_pilot, check_profile

Action = tuple[str, str]
"""An application and its argument."""

GATE = ("execute_extension", "${fshunt_gate_${fshunt_answered}} inline")
"""Between two actions a dialplan tests no condition, so a variable's value chooses the application. An extension of the
context would do too, but each ``continue="true"`` before it would run again, with all it does (seen: a sleep)."""

OPEN_GATE = "fshunt_gate_false"
"""The variable with the inline dialplan that the gate runs for a caller whom nobody has answered. A daemon may have it
end what the caller should hear only while it is there."""

FEATURE = "fshunt_feature"
"""The channel variable with the number that was dialled for a feature, by which the daemon tells such a call from a
hunt. Only a dialplan can set it."""

NOTHING = "eval"
"""The application that does nothing."""

DOMAIN_FIELD = "${fshunt_domain}|${domain_name}|${uuid_getvar(${uuid} sip_req_host)}"
"""What the call's domain is taken from. The host that was dialled is a caller's text, and FreeSWITCH expands the value
of a variable again, so that ``${sip_req_host}`` would run what a caller writes there; what an API answers it takes as
it is (seen)."""

ENDS = (
    ("execute_on_answer_fshunt_1", "set socket_resume=false"),
    ("execute_on_answer_fshunt_2", "set fshunt_answered=true"),
    ("execute_on_pre_bridge_fshunt_1", "set socket_resume=false"),
    ("execute_on_pre_bridge_fshunt_2", "set fshunt_answered=true"),
)
"""From the answer on a talk lives without a daemon, and goes no further when it ends. The second pair is for a caller
whose call was answered before the hunt, by an attendant or by music: there it is the moment of the bridge."""


FURTHER_ROUNDS = 8
"""How often a caller is given to the controllers besides the first two times: as often as daemons may be stopped, or
die, while they wait. It is limited, so that no caller goes round for ever."""

FURTHER_ROUND = ("execute_extension", "'${fshunt_round_${fshunt_served}}' inline")
"""One more round for a caller whom a daemon had served when it left. Who has never reached one, since all are down,
silent or at a loss, is with the fallback after two rounds: each silent one costs them 25 s."""


def recipe(controllers: str, fallback: Sequence[Action]) -> list[Action]:
    """Return the actions for a pilot, in order. ``controllers`` are addresses joined by ``|``."""
    socket = ("socket", f"{controllers} async full")
    settings = [
        # A busy or unregistered member does not end the call; an answered call that ends does.
        ("continue_on_fail", "true"),
        ("hangup_after_bridge", "true"),
        # While nobody has answered, a daemon that dies gives the caller to the next action.
        ("fshunt_answered", "false"),
        # A call that was answered, by a member or by voicemail, and has ended goes no further.
        (OPEN_GATE, NOTHING),
        ("fshunt_gate_true", "hangup"),
        # A daemon says that it serves the caller; one that stops while phones ring takes socket_resume back.
        ("fshunt_served", "false"),
        ("fshunt_round_false", "eval"),
        ("fshunt_round_true", f"set:fshunt_served=false,set:socket_resume=true,socket:{controllers} async full"),
        # FreeSWITCH looks at it once, where `socket` begins: what a dialplan left there would end the hunt.
        ("park_timeout", ""),
        # A caller whom somebody sends on from a feature code is hunted for.
        (FEATURE, ""),
        ("socket_resume", "true"),
        *ENDS,
    ]
    return [
        *(("set", f"{name}={value}") for name, value in settings),
        # The caller hears ringing before any daemon has said a word.
        ("ring_ready", ""),
        socket,
        GATE,
        # The daemon is gone and nobody has answered: the other one takes the caller over.
        ("set", "socket_resume=true"),
        socket,
        GATE,
        # And so on, while daemons are stopped and started one after the other.
        *(FURTHER_ROUND, GATE) * FURTHER_ROUNDS,
        *fallback,
    ]


def voicemail_fallback(profile: str, domain: str, box: str) -> list[Action]:
    """Return the actions that give the caller to a voicemail box, and then end the call."""
    return [("answer", ""), ("voicemail", f"{profile} {domain} {box}"), ("hangup", "NORMAL_CLEARING")]


NO_BOX_COMMENT = " This pilot has no voicemail box: its fallback hangs up. "
"""It names no pilot: the extension after it does, and two hyphens, which a pilot may have, end a comment of XML."""

NO_BOX_FALLBACK: list[Action] = [("hangup", "NO_ANSWER")]


FEATURES_EXTENSION = "fshunt-features"

MEDIA_MS = 400
"""From the answer to the tone: what a phone takes to hear sound."""


def feature_recipe(controllers: str) -> list[Action]:
    """Return the actions for a feature code, in order: a daemon says what is heard in the end.

    Until one does it is the tone of refusal. So a daemon need not be there while it sounds, and a stop cuts nothing.
    """
    return [
        ("set", f"{FEATURE}=$1"),
        ("set", f"{TONE}={REFUSED_TONE}"),
        ("set", "park_timeout="),
        ("set", "socket_resume=true"),
        ("socket", f"{controllers} async full"),
        ("answer", ""),
        ("sleep", str(MEDIA_MS)),
        ("playback", f"${{{TONE}}}"),
        ("hangup", "NORMAL_CLEARING"),
    ]


def write_dialplan(
    groups: Sequence[Group],
    *,
    controllers: Sequence[str],
    voicemail_profile: str,
    fallback_box: str | None,
    codes: Codes,
    several_domains: bool = False,
) -> str:
    """Return a dialplan file for the feature codes and these groups' pilots, each with its group's box as the fallback.

    A group without any box falls back on ``fallback_box``, and is hung up where there is none. Where there are several
    domains, also such as have no group here, the call's own decides. Raises BadValue for a value that does not fit its
    kind, whatever the database holds.
    """
    check_profile(voicemail_profile)
    addresses = _joined(controllers)
    several = several_domains or len({group.domain for group in groups}) > 1
    root = ElementTree.Element("include")
    root.append(ElementTree.Comment(" Written by: fshunt dialplan. Write it again when pilots or boxes have changed. "))
    for group in groups:
        box = group.box() or fallback_box
        if box is None:
            root.append(ElementTree.Comment(NO_BOX_COMMENT))
        root.append(_pilot_extension(group, addresses, voicemail_profile, box, several))
    root.append(_features_extension(codes, addresses))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


TABLE_EXTENSION = "fshunt-pilots"

_NUMBER = r"^[A-Za-z0-9*#+][A-Za-z0-9*#_.-]*\z"
"""What may stand in the conditions after it: FreeSWITCH expands them, and a number is a caller's text."""

_CALLS_DOMAIN = r"^\|*([A-Za-z0-9][A-Za-z0-9.-]*)(?:\||\z)"
"""The first of DOMAIN_FIELD's three parts that is not empty."""

_TABLE_FIELD = (
    f"${{db(select/{REALM}/${{destination_number}}@${{tolower(${{fshunt_call_domain}})}})}}"
    f",${{db(select/{REALM}/${{destination_number}})}}"
)
_ROW = r"^,?([A-Za-z0-9.-]+)\|([A-Za-z0-9+_.-]+)(?:,|\z)"


def write_table_dialplan(*, controllers: Sequence[str], voicemail_profile: str, codes: Codes) -> str:
    """Return a dialplan file with one extension for all pilots, those of the table that the switch keeps, and one for
    the feature codes.

    It need not be written again when pilots or boxes change. Raises BadValue for an address or a profile that is none.
    """
    profile, addresses = check_profile(voicemail_profile), _joined(controllers)
    root = ElementTree.Element("include")
    root.append(
        ElementTree.Comment(" Written by fshunt dialplan with the option table: the daemon keeps the table of pilots. ")
    )
    extension = ElementTree.SubElement(root, "extension", name=TABLE_EXTENSION)
    _condition(extension, "destination_number", _NUMBER)
    domain = _condition(extension, DOMAIN_FIELD, _CALLS_DOMAIN, goes_on=True)
    _add_inline(domain, "action", "fshunt_call_domain=$1")
    _add_inline(domain, "anti-action", "fshunt_call_domain=")
    row = _condition(extension, _TABLE_FIELD, _ROW)
    _add_inline(row, "action", "fshunt_domain=$1")
    _add_inline(row, "action", "fshunt_box=$2")
    box = _condition(extension, "${fshunt_box}", rf"^{re.escape(NO_BOX)}\z", goes_on=True)
    _add_inline(box, "action", f"fshunt_fallback={_inline(NO_BOX_FALLBACK)}")
    fallback = voicemail_fallback(profile, "${fshunt_domain}", "${fshunt_box}")
    _add_inline(box, "anti-action", f"fshunt_fallback={_inline(fallback)}")
    _add_actions(ElementTree.SubElement(extension, "condition"), recipe(addresses, [FALLBACK]))
    root.append(_features_extension(codes, addresses))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


FALLBACK = ("execute_extension", "'${fshunt_fallback}' inline")
"""The applications that the conditions have chosen: those for the box, or the hang-up where there is none."""


def _inline(actions: Iterable[Action]) -> str:
    return ",".join(f"{application}:{data}" if data else application for application, data in actions)


def _condition(
    extension: ElementTree.Element, field: str, expression: str, *, goes_on: bool = False
) -> ElementTree.Element:
    attributes = {"field": field, "expression": expression} | ({"break": "never"} if goes_on else {})
    return ElementTree.SubElement(extension, "condition", attributes)


def _add_inline(condition: ElementTree.Element, tag: str, assignment: str) -> None:
    """Set a variable while FreeSWITCH tests the conditions, for those that follow."""
    ElementTree.SubElement(condition, tag, {"application": "set", "data": assignment, "inline": "true"})


def _joined(controllers: Sequence[str]) -> str:
    addresses = "|".join(_check_controller(address) for address in controllers)
    if not addresses:
        raise BadValue("A dialplan needs the address of at least one controller, such as 127.0.0.1:8084.")
    return addresses


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


def _features_extension(codes: Codes, controllers: str) -> ElementTree.Element:
    """The extension of the feature codes; it is the last one, so that a pilot that begins like a code stays a pilot."""
    extension = ElementTree.Element("extension", name=FEATURES_EXTENSION)
    _add_actions(_condition(extension, "destination_number", codes.expression()), feature_recipe(controllers))
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
