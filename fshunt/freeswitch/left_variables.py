"""What a dialplan has set or exported on a caller's channel before the pilot, and would change the hunt.

The order of the members, their ring times and how long each phone rings are the group's alone (design, section 4). The
lists are from FreeSWITCH's ``switch_ivr_originate``, ``switch_ivr_bridge``, ``switch_channel_handle_cause`` and
``bridge``, by what a variable does. What belongs to the administrator and changes neither stays: codecs, SIP headers,
caller identity, recording, limits of the talk, what follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fshunt.esl.frames import Frame, array

RINGING = frozenset(
    {
        *("originate_timeout", "call_timeout", "progress_timeout", "originate_delay_start"),
        *("originate_retries", "originate_retry_timeout", "originate_retry_sleep_ms", "originate_retry_min_period_ms"),
        *("originate_continue_on_timeout", "originate_xfer_zombie", "ent_originate_aleg_uuid"),
        *("leg_timeout", "leg_progress_timeout", "leg_delay_start", "leg_required", "local_var_clobber"),
        *("origination_uuid", "origination_nested_vars", "origination_cancel_key", "bridge_answer_timeout"),
    }
)
"""How long which phone rings, when it begins, and as what."""

EARLY_SOUND = frozenset(
    {
        *("bridge_early_media", "monitor_early_media_ring", "monitor_early_media_ring_total"),
        *("monitor_early_media_fail", "ring_ready", "return_ring_ready", "ignore_ring_ready"),
    }
)
"""What a phone's 180 or 183 means."""

REFUSALS = frozenset({"hangup_on_single_reject", "failure_causes", "transfer_on_fail", "ignore_completed_elsewhere"})
"""What one phone's refusal, or a stage that failed, does to the others and to the caller."""

PARKING = frozenset({"park_timeout", "park_after_bridge", "park_after_early_bridge", "transfer_after_early_bridge"})
"""What keeps a caller on the switch, or takes the caller away. FreeSWITCH has read ``park_timeout`` when we are asked,
so the dialplan clears it, too."""

FAMILIES = ("group_confirm_", "campon")
"""The beginnings of names that all belong together: who must press a key, and camping on a busy phone."""

OURS_ON_LEGS = frozenset({"presence_id", "sip_invite_domain", "dialed_user", "dialed_domain"})
"""What we say of each leg: exported, the caller's own value would stand over it (fact 22)."""

WAYS = frozenset({"sip_invite_req_uri", "sip_invite_call_id", "sip_route_uri", "sip_invite_route_uri"})
"""Where the call of a leg goes: exported, they take all phones of a stage to one place, or make one call of them."""

OURS_ON_THE_CHANNEL = frozenset({"fail_on_single_reject", "ignore_early_media"})
"""What has a value of ours on the caller's channel: one for legs only would stand over it."""

EARLY_HOOKS = tuple(
    f"{kind}_on_{moment}"
    for kind in ("execute", "api")
    for moment in ("ring", "pre_answer", "media", "originate", "pre_originate", "post_originate", "pickup")
)
"""Hooks that run while phones are being rung. FreeSWITCH runs every variable whose name begins so."""

HOOKS = (*EARLY_HOOKS, "execute_on_answer", "api_on_answer")
"""Hooks that run on a leg before the caller is connected to it."""

HARMLESS_APPLICATIONS = frozenset(
    {"eval", "event", "info", "log", "record_session", "sched_hangup", "start_dtmf", "stop_dtmf", "unset"}
)
"""Applications of hooks that take no time, and neither end nor move a call that rings."""

HARMLESS_API = frozenset({"eval", "global_setvar", "log", "sched_hangup", "uuid_record"})

SETS = frozenset({"set", "export"})
"""Applications of hooks that are as harmless as the variable they set."""

_EXPORTED_ONLY = re.compile(r"nolocal:|_nolocal_", re.IGNORECASE)
_APPLICATION = re.compile(r"[A-Za-z0-9_]*")


def disturbing(channel: Frame) -> list[str]:
    """Return the names of the variables of a caller's channel that are to be cleared, as they stand there.

    ``channel`` is the answer to ``connect``, which has them all. A name with ``nolocal:`` before it is for legs only.
    """
    exported = {name.lower() for name in (channel.get("variable_export_vars") or "").split(",")}
    return [name for name in _variables(channel) if _disturbs(channel, name, exported)]


def _variables(channel: Frame) -> Iterator[str]:
    for header in channel.names():
        if header.startswith("variable_"):
            yield header.removeprefix("variable_")


def _disturbs(channel: Frame, name: str, exported: set[str]) -> bool:
    plain = _EXPORTED_ONLY.sub("", name, count=1).lower()
    for_legs_only = plain != name.lower()
    on_legs = for_legs_only or plain in exported
    if (
        _is_listed(plain)
        or (on_legs and plain in OURS_ON_LEGS | WAYS)
        or (for_legs_only and plain in OURS_ON_THE_CHANNEL)
    ):
        return True
    if not plain.startswith(HOOKS if on_legs else EARLY_HOOKS):
        return False
    return not all(_is_harmless(plain, hook) for hook in array(channel.get(f"variable_{name}")))


def _is_listed(name: str) -> bool:
    return name in RINGING | EARLY_SOUND | REFUSALS | PARKING or name.startswith(FAMILIES)


def _is_harmless(name: str, hook: str) -> bool:
    """Tell whether what a hook runs can be left: ``application argument``, or in the background with ``::`` between."""
    found = _APPLICATION.match(hook)
    application = found[0].lower() if found is not None else ""
    if name.startswith("api_"):
        return application in HARMLESS_API
    if application in SETS:
        variable = hook[len(application) :].lstrip(": ").partition("=")[0]
        return not _is_listed(_EXPORTED_ONLY.sub("", variable, count=1).lower())
    return application in HARMLESS_APPLICATIONS
