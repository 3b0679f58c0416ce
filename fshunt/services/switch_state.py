"""What a switch itself is like: the calls it takes, the faults of its release, and the music that groups play."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fshunt.esl import api
from fshunt.freeswitch.capacity import rate_limit, session_limit
from fshunt.freeswitch.dialstring import FEW_LEGS
from fshunt.freeswitch.phones import CommandSender
from fshunt.freeswitch.release import faults_of, read_release
from fshunt.freeswitch.sounds import files_of, stream_names, stream_of
from fshunt.hunting.group import Group
from fshunt.services.findings import Finding, named
from fshunt.services.switch_checks import ANSWER_SECONDS

AT_ONCE = "simultaneous"
"""The policy that rings all members at once."""


def state_findings(name: str, line: CommandSender, groups: Sequence[Group]) -> list[Finding]:
    """Ask one switch, named in the findings, for its state. Raises what the connection raises."""
    status, version, folder, streams = line.send_all(
        [api.status(), api.version(), api.sound_folder(), api.local_streams()], ANSWER_SECONDS
    )
    return [
        *_capacity(name, status.reply_text, groups),
        *_release(name, version.reply_text),
        *_music(name, line, _music_of(groups), folder.reply_text.strip(), stream_names(streams.reply_text)),
    ]


def _capacity(name: str, status: str, groups: Sequence[Group]) -> Iterator[Finding]:
    at_once = [each for each in groups if each.policy == AT_ONCE and each.members]
    limit, a_second = session_limit(status), rate_limit(status)
    largest = max(at_once, key=_size, default=None)
    if limit is not None and largest is not None and _size(largest) >= limit:
        yield Finding(
            f"Switch {name} takes {limit} calls at a time, and group {largest.pilot} rings {_size(largest)} members "
            "at once.",
            "They ring in waves, and other callers may be refused.",
            "Raise `max-sessions` in switch.conf.xml, and restart FreeSWITCH.",
            is_problem=False,
        )
    # More legs at once do not count for the switch's sessions a second (fact 43).
    counted = max((each for each in at_once if _size(each) <= FEW_LEGS), key=_size, default=None)
    if a_second is not None and counted is not None and _size(counted) + 1 >= a_second:
        yield Finding(
            f"Switch {name} begins fewer than {a_second} calls a second, and a call to group {counted.pilot} is "
            f"{_size(counted) + 1} of them at once.",
            "Some of its phones do not ring at first.",
            "Raise `sessions-per-second` in switch.conf.xml, and restart FreeSWITCH.",
            is_problem=False,
        )


def _size(group: Group) -> int:
    return len(group.members)


def _release(name: str, said: str) -> Iterator[Finding]:
    release = read_release(said)
    faults = [] if release is None else faults_of(release)
    if faults:
        what = "; ".join(f"{fault.what} ({fault.source})" for fault in faults)
        yield Finding(
            f"Switch {name} is FreeSWITCH {release}, whose known faults are: {what}.",
            "Whoever reaches its SIP ports can use them.",
            f"Upgrade FreeSWITCH to {faults[-1].mended_in} or later.",
            is_problem=False,
        )


def _music_of(groups: Iterable[Group]) -> dict[str, list[str]]:
    """Return the pilots that play each music."""
    played: dict[str, list[str]] = {}
    for group in groups:
        if group.music is not None:
            played.setdefault(group.music, []).append(group.pilot)
    return played


def _music(
    name: str, line: CommandSender, played: Mapping[str, Sequence[str]], folder: str, streams: set[str]
) -> Iterator[Finding]:
    for music, pilots in played.items():
        stream = stream_of(music)
        if stream is not None and stream not in streams:
            yield _silent(name, pilots, f"has no local stream {stream}", "Add it to local_stream.conf.xml, and load it")
        elif (files := files_of(music, folder)) and files[0].startswith("/") and not _one_exists(line, files):
            yield _silent(name, pilots, f"has no file {files[0]}", "Put it there, readable for FreeSWITCH")


def _one_exists(line: CommandSender, files: Sequence[str]) -> bool:
    return any(
        said.reply_text.strip() == "true" for said in line.send_all([*map(api.file_exists, files)], ANSWER_SECONDS)
    )


def _silent(name: str, pilots: Sequence[str], what: str, mend: str) -> Finding:
    return Finding(
        f"Switch {name} {what}, the music of {named(pilots)}.",
        "Callers hear no music.",
        f"{mend}, or take another by `fshunt group set {pilots[0]} --music MUSIC`.",
    )
