"""The simulated switch's dialplan: what happens to a number before and after the controllers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from fshunt.freeswitch.dialplan import feature_recipe, recipe, voicemail_fallback
from fshunt.settings import Settings
from fshunt.simulator.core.actions import Action

EXTENSION = re.compile(r"^1\d{3}$")
PILOT = re.compile(r"^5\d{3}$")
FEATURE = re.compile(Settings().codes.expression().replace(r"\z", r"\Z"))
"""Numbers that begin with a feature code, as shipped."""


def shipped(controllers: Sequence[tuple[str, int]], domain: str, box: str) -> list[Action]:
    """The dialplan that fshunt ships for a pilot (fact 7), with a voicemail box as the fallback."""
    addresses = "|".join(f"{host}:{port}" for host, port in controllers)
    named: list[Action] = [("set", f"domain_name={domain}")]
    return named + recipe(addresses, voicemail_fallback("default", domain, box))


def features(controllers: Sequence[tuple[str, int]]) -> list[Action]:
    """The dialplan that fshunt ships for feature codes; ``$1`` stands for the number."""
    return feature_recipe("|".join(f"{host}:{port}" for host, port in controllers))


def is_routed(number: str) -> bool:
    """Whether a number is a pilot, an extension or a feature code."""
    return any(each.match(number) for each in (PILOT, EXTENSION, FEATURE))


def route(
    number: str, domain: str, pilot_actions: Sequence[Action], feature_actions: Sequence[Action] = ()
) -> list[Action]:
    """What is done with a number: a pilot, an extension, a feature code, or nothing that exists."""
    if PILOT.match(number):
        return list(pilot_actions)
    if FEATURE.match(number):
        return [(application, data.replace("$1", number)) for application, data in feature_actions]
    if EXTENSION.match(number):
        return [("set", "hangup_after_bridge=true"), ("bridge", f"user/{number}@{domain}")]
    return [("hangup", "NO_ROUTE_DESTINATION")]


def context_xml(
    name: str,
    pilot_actions: Sequence[Action],
    routes: Mapping[str, Sequence[Action]],
    feature_actions: Sequence[Action] = (),
) -> str:
    """The XML of a context that does the same."""
    context = ElementTree.Element("context", name=name)
    tests = [(f"^{re.escape(number)}$", actions) for number, actions in routes.items()]
    tests += [(PILOT.pattern, pilot_actions), (EXTENSION.pattern, [("bridge", "user/$1")])]
    tests += [(Settings().codes.expression(), feature_actions)] if feature_actions else []
    for expression, actions in tests:
        extension = ElementTree.SubElement(context, "extension", name=expression)
        test = {"field": "destination_number", "expression": expression}
        condition = ElementTree.SubElement(extension, "condition", test)
        for application, data in actions:
            ElementTree.SubElement(condition, "action", application=application, data=data)
    return ElementTree.tostring(context, encoding="unicode")
