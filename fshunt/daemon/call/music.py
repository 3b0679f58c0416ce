"""What a caller hears instead of the own phone's ringing: the group's music, while phones ring and in between."""

from __future__ import annotations

from contextlib import suppress

import gevent

from fshunt.daemon.call.caller import Caller
from fshunt.esl import api
from fshunt.esl.frames import Frame
from fshunt.esl.session import Session, TimedOut
from fshunt.freeswitch.dialplan import NOTHING, OPEN_GATE
from fshunt.hunting import validation
from fshunt.hunting.group import Group

SURELY_PLAYS_SECONDS = 0.1
"""After this time a requested sound plays: a parked channel looks for commands every 20 ms (fact 11)."""

BREAK_SECONDS, BREAKS = 0.3, 3
"""How long music may take to stop, which takes some 20 ms, and how often the stop is requested."""

SHORTEST_MUSIC_SECONDS = 0.5
"""A sound that ended sooner does not exist, and is not tried again."""

TAKEN_SECONDS = 0.1
"""Within this time after a sound has ended the switch has said that somebody else has the caller (fact 34)."""

RINGBACK_TONE = "%(2000,4000,440,480)"
"""What a caller hears whose channel is answered already, and whose own phone makes no ringing tone any more."""

STOP = "stop_displace_session"

HOOKS = (
    "execute_on_answer_fshunt_music",
    "execute_on_pre_bridge_fshunt_music",
    "execute_on_blind_transfer_fshunt_music",
)
"""The moments at which FreeSWITCH itself ends the music: whoever has the caller then, and whatever became of us."""


class ContinuousMusic:
    """The group's sound file on the caller's channel: it goes on where it was when the next member is rung (fact 70).

    Below it plays what would else be heard, the same file from its beginning: that is heard where this cannot be.
    """

    def __init__(self, session: Session, music: str | None) -> None:
        self._session = session
        self._file = music if music and _can_go_on(session.channel, session.uuid, music) else None
        self._plays = False

    def begin(self) -> None:
        """Let the caller hear it from now on; again, nothing."""
        if self._file is None or self._plays:
            return
        uuid, file = self._session.uuid, validation.check_music(self._file)
        ends = dict.fromkeys(HOOKS, f"{STOP} {file}") | {OPEN_GATE: f"{STOP}:{file}"}
        self._session.post(api.uuid_setvar_multi(uuid, ends), api.displace(uuid, file))
        self._plays = True

    def end(self) -> None:
        """Let the caller hear no more of it, also if FreeSWITCH has ended it already; not begun, nothing."""
        if self._file is None or not self._plays:
            return
        uuid = self._session.uuid
        ended = dict.fromkeys(HOOKS, "") | {OPEN_GATE: NOTHING}
        self._session.post(api.stop_displacing(uuid, self._file), api.uuid_setvar_multi(uuid, ended))
        self._plays = False


def _can_go_on(channel: Frame, uuid: str, music: str) -> bool:
    """Tell whether the music is a file that FreeSWITCH knows by one name, and surely ends without us.

    For that the dialplan must have the gate: it is what a caller passes when the daemon has died. FreeSWITCH puts a
    folder before a path that is not absolute, and adds a type to one that has none.
    """
    gate = channel.get(f"variable_{OPEN_GATE}") or ""
    return (
        music.startswith("/")
        and "." in music
        and (gate == NOTHING or gate.startswith(f"{STOP}:"))
        and channel.get("variable_proxy_media") != "true"
        and validation.fits(validation.check_uuid, uuid)
    )


class HoldMusic:
    """What a caller hears who waits while no phone rings: the group's music, else ringing.

    A caller whose channel is not answered yet hears the ringing of the own phone, and nothing need be done.
    """

    def __init__(self, session: Session, group: Group, caller: Caller, continuous: ContinuousMusic) -> None:
        self._session, self._continuous = session, continuous
        self._source = ""
        if group.music:
            self._source = validation.check_music(group.music)
        elif caller.answered:
            self._source = f"tone_stream://{RINGBACK_TONE};loops=-1"
        self._playing = ""
        self._announces = False
        self._began = 0.0
        self._not_before = 0.0

    @property
    def next_start(self) -> float:
        """When it is to begin again, of the session's clock; infinity while it plays, or where there is nothing."""
        return self._not_before if self._source and not self._playing else float("inf")

    def start(self) -> None:
        """Begin to play, unless it plays already, or has just ended."""
        if self._source and not self._playing and self._session.clock() >= self._not_before:
            self._continuous.begin()
            self._playing, self._began = self._session.execute("playback", self._source), self._session.clock()

    def announce(self, sound: str) -> None:
        """Play a sound once in the place of the music, which begins again after it."""
        self.stop()
        self._continuous.end()
        self._playing, self._began = self._session.execute("playback", sound), self._session.clock()
        self._announces = True

    def stop(self) -> None:
        """Play no more, and wait until it is quiet: what is to ring would wait behind the music.

        FreeSWITCH forgets a break that comes before the sound begins (switch_core_session.c), so the break is sent when
        the sound surely plays, and again if it goes on.
        """
        playing, self._playing, self._announces = self._playing, "", False
        if not playing:
            return
        gevent.sleep(max(0.0, self._began + SURELY_PLAYS_SECONDS - self._session.clock()))
        for _ in range(BREAKS):
            self._session.post(api.uuid_break(self._session.uuid))
            with suppress(TimedOut):
                self._session.wait_completion(playing, self._session.clock() + BREAK_SECONDS)
                return

    def on_event(self, event: Frame) -> bool:
        """Music that has come to its end begins again; what cannot be played is left.

        Tell whether this was the end of an announcement that FreeSWITCH could not play.
        """
        ended = event.get("Event-Name") == "CHANNEL_EXECUTE_COMPLETE"
        if not self._playing or not ended or event.get("Application-UUID") != self._playing:
            return False
        announced, self._playing, self._announces = self._announces, "", False
        now = self._session.clock()
        is_there = now - self._began > SHORTEST_MUSIC_SECONDS
        # Not at once: it also ends when somebody else takes the caller, who would hear it there.
        self._not_before = now + TAKEN_SECONDS if is_there or announced else float("inf")
        return announced and not is_there
