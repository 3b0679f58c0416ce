"""Which release of FreeSWITCH a switch is, and which faults of its release are mended in a later one."""

from __future__ import annotations

import re
from typing import NamedTuple

_RELEASE = re.compile(r"\b(\d+)\.(\d+)\.(\d+)\b")


class Release(NamedTuple):
    """A release, such as 1.10.12."""

    major: int
    minor: int
    micro: int

    def __str__(self) -> str:
        return ".".join(map(str, self))


class Fault(NamedTuple):
    """What is wrong in all releases before ``mended_in``; ``source`` is the name of its advisory."""

    mended_in: Release
    what: str
    source: str


KNOWN_FAULTS = (
    Fault(Release(1, 10, 7), "everybody can send messages to your phones without a password", "CVE-2021-37624"),
    Fault(Release(1, 10, 7), "a flood of SIP packets uses up its memory", "CVE-2021-41145"),
    Fault(Release(1, 10, 7), "a stranger's packet ends an encrypted call", "CVE-2021-41105"),
    Fault(Release(1, 10, 11), "a stranger's packet ends a WebRTC call while it is set up", "CVE-2023-51443"),
)
"""Those that cut calls or let strangers in, by FreeSWITCH's security advisories."""


def read_release(said: str) -> Release | None:
    """Return the release in the output of ``version``; None if there is none, as for an unreleased build."""
    found = _RELEASE.search(said)
    return None if found is None else Release(*map(int, found.groups()))


def faults_of(release: Release) -> list[Fault]:
    """Return the known faults that the release still has, the oldest first."""
    return [fault for fault in KNOWN_FAULTS if release < fault.mended_in]
