"""Where FreeSWITCH looks for a sound, and which of its local streams there are."""

from __future__ import annotations

from pathlib import PurePosixPath

RATES = ("8000", "16000", "32000", "48000")
"""``mod_sndfile`` looks in a folder of the call's rate first, then for the file as it is named (source)."""

LOCAL_STREAM = "local_stream://"


def stream_of(sound: str) -> str | None:
    """Return the name of the local stream that a sound is; None if it is something else."""
    return sound.removeprefix(LOCAL_STREAM) if sound.startswith(LOCAL_STREAM) else None


def files_of(sound: str, folder: str) -> list[str]:
    """Return the files that would be played for a sound, ``folder`` being where relative names begin.

    None for a sound that is made and not read from a file, such as a tone.
    """
    if "://" in sound:
        return []
    path = PurePosixPath(folder) / sound
    return [str(path), *(str(path.parent / rate / path.name) for rate in RATES)]


def stream_names(listed: str) -> set[str]:
    """Return the names in the output of ``local_stream show``: a line ``NAME,FOLDER`` for each stream."""
    return {line.partition(",")[0] for line in listed.splitlines() if "," in line}
