"""Feature codes: what a member or an administrator asks for by dialling a number. Pure.

A number is a code, or a code and a pilot; ``block+EXT`` and ``block+EXT+PILOT`` are what keys with a lamp watch, and
dial.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from fshunt.errors import BadValue
from fshunt.hunting import validation

TOGGLE_MARK = "block+"
"""Before the extension, and the pilot, of a number that blocks, or lifts the block."""

MAX_CODE_CHARS = 8

_CODE = re.compile(rf"[*#][0-9*#]{{1,{MAX_CODE_CHARS - 1}}}", re.ASCII)
_FOLDER = re.compile(r"/?[A-Za-z0-9_-][A-Za-z0-9_./-]{0,127}", re.ASCII)
_REST = r"[A-Za-z0-9*#_.+-]*"
"""What may follow a code or the mark: the characters of pilots and extensions."""


class Feature(StrEnum):
    """What is asked for."""

    BLOCK = "block"
    UNBLOCK = "unblock"
    STATE = "state"
    CLOSE = "close"
    OPEN = "open"
    TOGGLE = "toggle"


class FeatureResult(StrEnum):
    """What became of a call to a feature code."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    """The database was away."""


NEED_PILOT = frozenset({Feature.CLOSE, Feature.OPEN})
"""What is never meant for all groups at once."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """A number that asks for a feature. ``pilot`` None: of all groups; ``extension`` is that of TOGGLE alone."""

    feature: Feature
    pilot: str | None = None
    extension: str | None = None


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes; None: a feature that is switched off."""

    block: str | None = None
    unblock: str | None = None
    state: str | None = None
    close: str | None = None
    open: str | None = None

    def given(self) -> Iterator[tuple[Feature, str]]:
        """Give the features that have a code."""
        codes = (self.block, self.unblock, self.state, self.close, self.open)
        for feature, code in zip(Feature, codes, strict=False):
            if code is not None:
                yield feature, code

    def clash(self) -> tuple[Feature, Feature] | None:
        """Return two features of which nobody could say which one is dialled: one's code begins with the other's."""
        given = list(self.given())
        for at, (feature, code) in enumerate(given):
            for other, longer in given[:at] + given[at + 1 :]:
                if longer.startswith(code):
                    return feature, other
        return None

    def read(self, number: str) -> Dialled | None:
        """Return what a number asks for; None if it is nothing that can be asked for."""
        if number.startswith(TOGGLE_MARK):
            return _toggle(number.removeprefix(TOGGLE_MARK))
        for feature, code in self.given():
            if number.startswith(code):
                return _of_group(feature, number.removeprefix(code))
        return None

    def expression(self) -> str:
        """Return the regular expression of the numbers that lead here, for a dialplan; its group 1 is the number.

        It takes wrong ones as well, such as a code without its pilot: who dials them hears that they are refused.
        """
        begins = [re.escape(code) for _, code in self.given()] + [re.escape(TOGGLE_MARK)]
        return rf"^((?:{'|'.join(begins)}){_REST})\z"


def check_code(code: str) -> str:
    """Return the code if phones can dial it and no extension is named so; raise BadValue if not."""
    if not _CODE.fullmatch(code):
        raise BadValue(
            f"{validation.shown(code)} is not a feature code: '*' or '#', and up to {MAX_CODE_CHARS - 1} digits, '*' "
            "or '#' behind it."
        )
    return code


def check_sound_folder(folder: str) -> str:
    """Return the folder if FreeSWITCH takes it for nothing but one; raise BadValue if not."""
    if not _FOLDER.fullmatch(folder):
        raise BadValue(
            f"{validation.shown(folder)} is not a folder of sounds: letters, digits, '_', '.', '-' and '/' are allowed."
        )
    return folder


def _of_group(feature: Feature, pilot: str) -> Dialled | None:
    if not pilot:
        return None if feature in NEED_PILOT else Dialled(feature)
    return Dialled(feature, pilot) if validation.fits(validation.check_pilot, pilot) else None


def _toggle(named: str) -> Dialled | None:
    """Read ``EXT`` or ``EXT+PILOT``; either of the two may begin with a ``+``."""
    at = named.find("+", 1)
    extension, pilot = (named, None) if at < 0 else (named[:at], named[at + 1 :])
    if not validation.fits(validation.check_extension, extension):
        return None
    if pilot is not None and not validation.fits(validation.check_pilot, pilot):
        return None
    return Dialled(Feature.TOGGLE, pilot, extension)
