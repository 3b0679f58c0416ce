"""A call to a feature code: look who has logged in, do what was dialled, say what the dialplan plays, and leave.

The dialplan answers and plays after we have left (``freeswitch.dialplan.feature_recipe``). Until we have said what, it
is the tone of refusal. So the call is held no longer than one step of the database takes, and a stop cuts no sound.
"""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session as DatabaseSession

from fshunt.daemon.data.database import Deadline
from fshunt.daemon.deps import Dependencies
from fshunt.errors import DatabaseError, FshuntError
from fshunt.esl import api
from fshunt.esl.commands import Command
from fshunt.esl.session import Session
from fshunt.freeswitch.dialplan import FEATURE
from fshunt.freeswitch.feature_tones import TONE, Heard, played
from fshunt.freeswitch.logins import Login, login_of
from fshunt.hunting.features import Dialled, FeatureResult
from fshunt.log_events import LogEvent, about
from fshunt.services import phone_features
from fshunt.services.phone_features import Done

log = logging.getLogger(__name__)

NOT_A_CODE = "it is no feature code of the settings, or what follows the code is no pilot or extension"
TOO_LATE = "The database took too long: nothing was changed."
MAX_SHOWN_CHARS = 64


def is_feature_call(session: Session) -> bool:
    """Tell whether the dialplan gave us the call for a feature."""
    return bool(_number(session))


def _number(session: Session) -> str:
    """Return what was dialled. It may have come by another extension of the dialplan, which has a number of its own."""
    return session.channel.get(f"variable_{FEATURE}") or ""


def serve(session: Session, deps: Dependencies) -> None:
    """Do what a feature call asks for, and leave the rest to the dialplan. Raises nothing that can be foreseen."""
    number = _number(session)
    shown = ascii(number[:MAX_SHOWN_CHARS])[1:-1]
    dialled, login = deps.settings.codes.read(number), login_of(session.channel)
    if dialled is None or not isinstance(login, Login):
        why = NOT_A_CODE if dialled is None else login
        _tell(session, deps, FeatureResult.REFUSED, "feature code %s refused to %s: %s", shown, _named(login), why)
        return
    try:
        told = {heard: _command(session, deps, heard) for heard in Heard}  # before a change that could not be told
        done = _do(deps, login, dialled)
    except DatabaseError as error:
        _tell(session, deps, FeatureResult.FAILED, "feature code %s of %s failed: %s", shown, login, error)
    except FshuntError as error:
        _tell(session, deps, FeatureResult.REFUSED, "feature code %s refused to %s: %s", shown, login, error)
    else:
        session.hand_back(told[done.heard])
        _tell(session, deps, FeatureResult.DONE, "feature code %s of %s: %s", shown, login, done.words)


def _do(deps: Dependencies, login: Login, dialled: Dialled) -> Done:
    """Do it in one transaction, which is taken back if nobody waits for it any more: the caller heard a refusal."""
    deadline = deps.database.deadline()
    return deps.database.run(
        lambda s: _in_time(phone_features.do(s, login, dialled, deps.wall()), s, deadline),
        write=True,
        deadline=deadline,
    )


def _in_time(done: Done, s: DatabaseSession, deadline: Deadline) -> Done:
    s.flush()
    if deadline.left() <= 0:
        raise DatabaseError(TOO_LATE)
    return done


def _command(session: Session, deps: Dependencies, heard: Heard) -> Command:
    """Return what sets the sound. Raises UnsafeText for a uuid of the caller's own choice that cannot be said."""
    return api.uuid_setvar(session.uuid, TONE, played(heard, deps.settings.feature_sounds))


def _tell(session: Session, deps: Dependencies, result: FeatureResult, sentence: str, *words: object) -> None:
    deps.metrics.feature_call(result)
    level = logging.WARNING if result is FeatureResult.FAILED else logging.INFO
    event = LogEvent.FEATURE_CODE
    log.log(level, "call %s: " + sentence, session.uuid, *words, extra=about(event, call=session.uuid))


def _named(login: Login | str) -> str:
    return str(login) if isinstance(login, Login) else "a caller who has not logged in"
