"""What a queued caller is told, as one sound for ``playback``: files of FreeSWITCH's, with its own words for numbers.

A number is put into words by ``say_string`` of the language's module, which names files; so it is right in each
language that FreeSWITCH says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fshunt.errors import BadValue
from fshunt.hunting.validation import check_sound_file

FILES = "file_string://"
BETWEEN = "!"
MINUTE, MINUTES = "time/minute.wav", "time/minutes.wav"

_SAID = re.compile(rf"{FILES}([A-Za-z0-9_./-]+(?:{BETWEEN}[A-Za-z0-9_./-]+)*)")


def files_said(said: str) -> list[str] | None:
    """Return the files in the answer to ``say_string``; None: FreeSWITCH does not say numbers in this language."""
    found = _SAID.fullmatch(said.strip())
    return None if found is None else found[1].split(BETWEEN)


def one_sound(files: Sequence[str]) -> str:
    """Return one sound of these files, one after the other. Raises BadValue for what is no file's name."""
    if not files:
        raise BadValue("A sound needs a file at least.")
    return FILES + BETWEEN.join(check_sound_file(each) for each in files)
