"""What a switch itself is like: the calls it takes, the faults of its release, and the music that groups play."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fshunt.esl import api
from fshunt.freeswitch.capacity import rate_limit, session_limit
from fshunt.freeswitch.dialstring import FEW_LEGS
from fshunt.freeswitch.phones import CommandSender
from fshunt.freeswitch.release import faults_of, read_release
from fshunt.freeswitch.sip_profiles import PresenceProfile, read_profiles
from fshunt.freeswitch.sounds import files_of, stream_names, stream_of
from fshunt.hunting.group import Group
from fshunt.services.findings import Finding, named
from fshunt.services.switch_checks import ANSWER_SECONDS

AT_ONCE = "simultaneous"
"""The policy that rings all members at once."""
VOICEMAIL_BEGINS = "voicemail/vm-person.wav"
SHIPPED_PHONES_PASSWORD = "1234"  # noqa: S105 (everybody knows it)


def state_findings(
    name: str, line: CommandSender, groups: Sequence[Group], confirm_prompt: str, *, lamps: bool = True
) -> list[Finding]:
    """Ask one switch, named in the findings, for its state; ``lamps``: phones are to be told lamps.

    Raises what the connection raises.
    """
    status, version, folder, streams, password, profiles = line.send_all(
        [
            api.status(),
            api.version(),
            api.sound_folder(),
            api.local_streams(),
            api.global_variable("default_password"),
            api.sip_configuration(),
        ],
        ANSWER_SECONDS,
    )
    sounds = _Sounds(line, folder.reply_text.strip(), stream_names(streams.reply_text))
    return [
        *_capacity(name, status.reply_text, groups),
        *_release(name, version.reply_text),
        *_phones_password(name, password.reply_text),
        *(_lamps(name, read_profiles(profiles.reply_text), groups) if lamps else ()),
        *_music(name, sounds, _music_of(groups)),
        *_prompt(name, sounds, confirm_prompt, groups),
        *(_voicemail(name, sounds) if groups else ()),
    ]


def no_presence(name: str, line: CommandSender) -> Finding | None:
    """Ask a switch, named in the finding, whether any SIP profile tells phones of lamps; None: one does, or unknown.

    Raises what the connection raises.
    """
    profiles = read_profiles(line.send(api.sip_configuration(), ANSWER_SECONDS).reply_text)
    return None if profiles is None else _no_presence(name, profiles)


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


def _phones_password(name: str, said: str) -> Iterator[Finding]:
    if said.strip() == SHIPPED_PHONES_PASSWORD:
        yield Finding(
            f"Switch {name} has the public password of FreeSWITCH's example configuration for its phones "
            f"(`default_password` is {SHIPPED_PHONES_PASSWORD}).",
            "Everybody can call as one of its extensions, and the example dialplan keeps each caller waiting for 10 s.",
            "Change it in vars.xml and in the phones, then run `fs_cli -x reloadxml`.",
            is_problem=False,
        )


def _lamps(name: str, profiles: list[PresenceProfile] | None, groups: Sequence[Group]) -> Iterator[Finding]:
    if profiles is None:
        return
    if groups and (missing := _no_presence(name, profiles)) is not None:
        yield missing
    domains = {group.domain for group in groups}
    for profile in profiles:
        mixed = sorted(each for each in domains if any(each in host for host in profile.hosts))
        if profile.manages and len(mixed) > 1:
            yield Finding(
                f"SIP profile {profile.name} of switch {name} has {' and '.join(mixed)} in `presence-hosts`.",
                "The lamp of a number in one of these domains is shown for the same number in the others.",
                "Leave `presence-hosts` empty, or give each domain a SIP profile of its own.",
                is_problem=False,
            )


def _no_presence(name: str, profiles: Sequence[PresenceProfile]) -> Finding | None:
    if any(profile.manages for profile in profiles):
        return None
    return Finding(
        f"No SIP profile of switch {name} has `manage-presence`.",
        "Keys of phones that watch a pilot or a block show nothing.",
        'Add `<param name="manage-presence" value="true"/>` to the profile of the phones, and restart the profile.',
        is_problem=False,
    )


def _music_of(groups: Iterable[Group]) -> dict[str, list[str]]:
    """Return the pilots that play each music."""
    played: dict[str, list[str]] = {}
    for group in groups:
        if group.music is not None:
            played.setdefault(group.music, []).append(group.pilot)
    return played


class _Sounds:
    """What a switch can play: ``folder`` is where relative names begin, ``streams`` are its local streams."""

    def __init__(self, line: CommandSender, folder: str, streams: set[str]) -> None:
        self._line, self._folder, self._streams = line, folder, streams

    def missing(self, sound: str) -> str | None:
        """Return what the switch has not, in words; None if it can play the sound, or nobody can tell."""
        stream = stream_of(sound)
        if stream is not None:
            return None if stream in self._streams else f"local stream {stream}"
        files = files_of(sound, self._folder)
        if not files or not files[0].startswith("/"):
            return None
        said = self._line.send_all([api.file_exists(file) for file in files], ANSWER_SECONDS)
        return None if any(each.reply_text.strip() == "true" for each in said) else f"file {files[0]}"


def _music(name: str, sounds: _Sounds, played: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    for music, pilots in played.items():
        if (missing := sounds.missing(music)) is not None:
            yield Finding(
                f"Switch {name} has no {missing}, the music of {named(pilots)}.",
                "Callers hear no music.",
                f"Put it there, or take another by `fshunt group set {pilots[0]} --music MUSIC`.",
            )


def _prompt(name: str, sounds: _Sounds, prompt: str, groups: Sequence[Group]) -> Iterator[Finding]:
    """The prompt for members who confirm; a tone stands for one that is not there."""
    if not any(member.confirm for group in groups for member in group.members):
        return
    if (missing := sounds.missing(prompt)) is not None:
        yield Finding(
            f"Switch {name} has no {missing}, the prompt for members who confirm a call.",
            "They hear only a tone.",
            "Install FreeSWITCH's sounds, or set `confirm_prompt` to a sound that is there.",
            is_problem=False,
        )


def _voicemail(name: str, sounds: _Sounds) -> Iterator[Finding]:
    """What a box plays first that has no greeting of its own; a FreeSWITCH from source is installed without sounds."""
    if (missing := sounds.missing(VOICEMAIL_BEGINS)) is not None:
        yield Finding(
            f"Switch {name} has no {missing}, with which a voicemail box without a greeting of its own begins.",
            "Such a box ends at once, and its callers are cut.",
            "Install FreeSWITCH's sounds, by `apt-get install freeswitch-sounds-en-us-callie`, or by `make "
            "cd-sounds-install` in its source.",
            is_problem=False,
        )
