"""Contexts of a dialplan that may have megabytes: read in slices, and what was found in them is kept.

A written dialplan has some 3.5 KB for each pilot. A call asks for it before a transfer, so other calls are served
while it is read, and the same text is not read again for the same number. Pure but for what ``breathe`` does.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256

from fshunt.freeswitch.dialplan_lookup import Element, Lookup, find_number, read_context
from fshunt.freeswitch.slices import Breathe, hold_breath

MAX_LOOKUPS = 2000
"""Of all contexts together; one has some 500 bytes."""

Key = tuple[bytes, str, bool | None]


class Lookups:
    """What was found for numbers in texts of contexts; the one that was not asked for longest goes first."""

    def __init__(self, breathe: Breathe = hold_breath) -> None:
        self.breathe = breathe
        self._found = OrderedDict[Key, Lookup]()

    def get(self, key: Key) -> Lookup | None:
        """Return what was found; None if that is not known."""
        if key in self._found:
            self._found.move_to_end(key)
        return self._found.get(key)

    def keep(self, key: Key, lookup: Lookup) -> None:
        """Keep what was found."""
        self._found[key] = lookup
        if len(self._found) > MAX_LOOKUPS:
            self._found.popitem(last=False)


class Context:
    """A context as ``xml_locate dialplan context name NAME`` answers it, for one or many numbers at one moment."""

    def __init__(self, text: str, lookups: Lookups) -> None:
        self._text, self._lookups = text, lookups
        self._digest = sha256(text.encode()).digest()
        self._root: Element | None = None
        self._is_read = False

    def find(self, number: str, in_table: bool | None = None) -> Lookup | None:
        """Return what the context does with a number, see ``find_number``; None if the switch does not show it."""
        key = self._digest, number, in_table
        if (known := self._lookups.get(key)) is not None:
            return known
        if not self._is_read:
            self._root, self._is_read = read_context(self._text, self._lookups.breathe), True
        if self._root is None:
            return None
        found = find_number(self._root, number, in_table=in_table, breathe=self._lookups.breathe)
        self._lookups.keep(key, found)
        return found
