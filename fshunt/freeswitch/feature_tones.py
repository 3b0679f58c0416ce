"""What somebody hears who has dialled a feature code: two tones for a change, and three for a state."""

from __future__ import annotations

from enum import StrEnum

from fshunt.hunting.features import check_sound_folder

TONE = "fshunt_tone"
"""The channel variable with what the dialplan plays in the end."""


class Heard(StrEnum):
    """What is said; the values name the files of the setting ``feature_sounds``."""

    DONE = "done"
    REFUSED = "refused"
    IN_TURN = "in-turn"
    BLOCKED = "blocked"
    BLOCKED_IN_SOME = "blocked-in-some"


_LOW, _HIGH, _BUSY = 440, 880, "480,620"

TONES = {
    # Done: two short tones, the second one higher. Refused: three pairs of low ones, as of a busy line.
    Heard.DONE: f"tone_stream://%(200,100,{_LOW});%(400,0,{_HIGH})",
    Heard.REFUSED: f"tone_stream://%(250,250,{_BUSY});loops=3",
    # A state: one long high tone, one long low one, or both.
    Heard.IN_TURN: f"tone_stream://%(1000,0,{_HIGH})",
    Heard.BLOCKED: f"tone_stream://%(1000,0,{_LOW})",
    Heard.BLOCKED_IN_SOME: f"tone_stream://%(500,100,{_HIGH});%(500,0,{_LOW})",
}
"""Each ends by itself within two seconds, and needs no file."""

REFUSED_TONE = TONES[Heard.REFUSED]


def played(heard: Heard, folder: str | None) -> str:
    """Return what ``playback`` takes: the tone, behind the file of this name in a folder if there is one (fact 63)."""
    if folder is None:
        return TONES[heard]
    return f"file_string://{check_sound_folder(folder).rstrip('/')}/{heard.value}.wav!{TONES[heard]}"
