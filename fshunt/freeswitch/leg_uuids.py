"""The uuids of our legs, by which every observer of a channel knows what it is."""

from __future__ import annotations

from collections.abc import Container

SLOT_NUMBER = "0"
"""Of the leg that is no phone; phones are numbered from 1."""

KEY_LETTERS = 32
"""Of the key of such a leg, in hexadecimal."""

MAX_LATE_LEGS = 8
"""How many phones of a member may join the ringing: more than that is one phone that registers ever anew."""


def leg_uuid(offer_id: str, number: int) -> str:
    """Return the channel's uuid for a phone of an offer: every observer of the channel can tell its offer."""
    return f"{offer_id}-{number}"


def leg_uuids(offer_id: str, phones: int) -> list[str]:
    """Return the uuids that legs of an offer to so many phones may have, with those of phones that come late."""
    return [leg_uuid(offer_id, number) for number in range(1, phones + MAX_LATE_LEGS + 1)]


def offer_of(channel_uuid: str) -> str:
    """Return the id of the offer of a leg; for any other channel a text that is no offer's id."""
    return channel_uuid.rpartition("-")[0]


def is_leg_of(channel_uuid: str, offer_ids: Container[str]) -> bool:
    """Tell whether a channel is a leg of one of these offers."""
    return offer_of(channel_uuid) in offer_ids


def slot_uuid(key: str) -> str:
    """Return the uuid of the leg that is no phone, but a place for one (``late_legs``); ``key`` names it."""
    return f"{key}-{SLOT_NUMBER}"


def is_slot(channel_uuid: str) -> bool:
    """Tell whether a channel is such a place, which is nobody's call."""
    key, _, number = channel_uuid.partition("-")
    return number == SLOT_NUMBER and len(key) == KEY_LETTERS
