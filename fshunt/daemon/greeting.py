"""The first words with the switch about a call: which events we need, and how the channel shall behave."""

from __future__ import annotations

from fshunt.daemon.caller import Caller
from fshunt.hunting import kinds
from fshunt.hunting.group import Group
from fshunt.switch.session import Session

LINGER_SECONDS = 5
"""How long the switch goes on telling us of a call after its end: the result of a bridge comes then (fact 6)."""

EVENTS = (
    "CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_EXECUTE_COMPLETE "
    "CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE"
)
"""The events a hunt is steered by; all others cost time only (fact 2)."""

CHANNEL_VARIABLES = (
    "continue_on_fail=true",  # or a busy member hangs the caller up (fact 16)
    "hangup_after_bridge=true",  # or a caller whose talk has ended stays (fact 7)
    "ignore_early_media=true",  # or a phone that sends 183 wins the race (fact 16)
    "preserve_originated_vars=false",  # or the legs of older stages are listed again (fact 21)
    "fail_on_single_reject=false",  # or one busy phone ends the stage (fact 22)
)

RINGBACK_TONE = "%(2000,4000,440,480)"
"""What a caller hears whose channel is answered already, and whose own phone makes no ringing tone any more."""


def greet(session: Session, caller: Caller) -> None:
    """Agree with the switch on events and behaviour, and have the caller hear ringing.

    Raises SwitchLost, TimedOut or CommandRefused if the switch does not play along.
    """
    session.post(
        f"linger {LINGER_SECONDS}",
        f"filter Unique-ID {kinds.check_uuid(caller.uuid)}",
        f"event plain {EVENTS}",
        f"api uuid_setvar_multi {caller.uuid} {';'.join(CHANNEL_VARIABLES)}",
    )
    session.execute("ring_ready")


def present(session: Session, caller: Caller, group: Group) -> None:
    """Set what depends on the group: the name that members see, and what the caller hears while waiting."""
    if group.prefix:
        name = caller.prefixed_name(kinds.check_prefix(group.prefix))
        session.post(f"api uuid_setvar {caller.uuid} effective_caller_id_name {name}")
    if group.music:
        music = kinds.check_music(group.music)
        for variable in ("ringback", "transfer_ringback"):
            session.post(f"api uuid_setvar {caller.uuid} {variable} {music}")
        session.post(f"api uuid_setvar {caller.uuid} instant_ringback true")
    elif caller.answered:
        session.post(f"api uuid_setvar {caller.uuid} transfer_ringback {RINGBACK_TONE}")
