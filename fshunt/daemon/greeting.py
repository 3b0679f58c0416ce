"""The first words with the switch about a call: which events we need, and how the channel shall behave."""

from __future__ import annotations

from fshunt.daemon.caller import DRESSED, Caller
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
    "bypass_media=false",  # or the bridge completes at once, while the talk goes on where nobody sees it end
    # What a dialplan may have set, or exported, before the pilot, and what would end or change a hunt:
    "park_timeout=",
    "park_after_bridge=",
    "group_confirm_key=",
    "group_confirm_file=",
    "leg_timeout=",
    "originate_retries=",
)

DRESS = ("effective_caller_id_name", "ringback", "transfer_ringback", "instant_ringback")
"""The variables that depend on the group."""

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


def present(session: Session, caller: Caller, group: Group) -> bool:
    """Set what depends on the group: the name that members see, and what the caller hears while waiting.

    Tell whether there was anything to set, and so to take back when the caller is sent elsewhere.
    """
    if caller.dressed:
        undress(session, caller)
    values = {}
    if group.prefix:
        values["effective_caller_id_name"] = caller.prefixed_name(kinds.check_prefix(group.prefix))
    if group.music or caller.answered:
        music = kinds.check_music(group.music) if group.music else RINGBACK_TONE
        # transfer_ringback is for a channel that is answered; without instant_ringback a silent phone makes silence.
        values |= {"ringback": music, "transfer_ringback": music, "instant_ringback": "true"}
    if values:
        values[DRESSED] = "true"
        session.post(*(f"api uuid_setvar {caller.uuid} {name} {value}" for name, value in values.items()))
    return bool(values)


def undress(session: Session, caller: Caller) -> None:
    """Take back what ``present`` has set: it is of one group, and the caller goes on to another place."""
    session.post(*(f"api uuid_setvar {caller.uuid} {name}" for name in (*DRESS, DRESSED)))
