"""What the SIP profiles of a switch say of presence: which of them tell phones of lamps. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from fshunt.freeswitch.slices import Breathe, hold_breath

SLICE_CHARS = 64 * 1024
TRUE_WORDS = frozenset({"yes", "on", "true", "t", "enabled", "active", "allow"})
"""What FreeSWITCH takes for true, besides a number that is not 0."""


@dataclass(frozen=True, slots=True)
class PresenceProfile:
    """A SIP profile: whether it looks after presence, and the domains whose presence it mixes."""

    name: str
    manages: bool
    hosts: tuple[str, ...] = ()


def read_profiles(text: str, breathe: Breathe = hold_breath) -> list[PresenceProfile] | None:
    """Read what ``xml_locate`` answers for sofia.conf; None where there is none, or it cannot be read."""
    parser = ElementTree.XMLParser()  # noqa: S314 (the switch writes it, without a document type)
    try:
        for start in range(0, len(text), SLICE_CHARS):
            parser.feed(text[start : start + SLICE_CHARS])
            breathe()
        root = parser.close()
    except ElementTree.ParseError:
        return None
    return list(_profiles(root)) if root.tag == "configuration" else None


def _profiles(root: ElementTree.Element) -> Iterator[PresenceProfile]:
    for profile in root.findall("profiles/profile"):
        said = {each.get("name", ""): each.get("value", "") for each in profile.findall("settings/param")}
        hosts = tuple(filter(None, (each.strip() for each in said.get("presence-hosts", "").split(","))))
        yield PresenceProfile(profile.get("name", ""), _is_true(said.get("manage-presence", "")), hosts)


def _is_true(word: str) -> bool:
    return word.lower() in TRUE_WORDS or (word.isdigit() and int(word) != 0)
