"""Options that more than one command takes, and what their values make together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from fshunt.cli import params
from fshunt.cli.params import AnyType, Cleared, OrNone, Seconds
from fshunt.errors import UsageError
from fshunt.hunting.destinations import GROUP_BOX
from fshunt.hunting.group import (
    MAX_AUTO_BLOCK,
    MAX_CYCLES,
    MAX_HUNT_TIMEOUT_SECONDS,
    MAX_WAIT_SECONDS,
    MAX_WEIGHT,
    MIN_AUTO_BLOCK,
    MIN_WEIGHT,
    WhenBusy,
)
from fshunt.hunting.policies import POLICIES
from fshunt.hunting.ringtime import MAX_RING_SECONDS, MAX_RINGS, MIN_RING_SECONDS, RingTime

Decorated = Callable[..., Any]
OfKind = Callable[[AnyType], AnyType]
"""What makes the type of an option's value one that can also be taken away."""

MIN_HUNT_TIMEOUT_SECONDS = 1.0
MAX_WRAP_UP_SECONDS = 3600.0
CASES = ("on_no_answer", "on_busy", "on_unreachable")

POLICY_HELP = " ".join(["The order of ringing.", *(f"{row.name}: {row.help}." for row in POLICIES.values())])


def ring_options(command: Decorated) -> Decorated:
    """`--rings N` or `--ring-seconds S`."""
    seconds = click.option(
        "--ring-seconds",
        type=Seconds(MIN_RING_SECONDS, MAX_RING_SECONDS),
        metavar="S",
        help="How long a phone rings, in seconds (instead of --rings).",
    )
    rings = click.option(
        "--rings",
        type=click.IntRange(1, MAX_RINGS),
        metavar="N",
        help="How long a phone rings, in rings (one is the setting `seconds_per_ring`, 6 seconds).",
    )
    return rings(seconds(command))


def member_options(command: Decorated) -> Decorated:
    """What can be said of a member when it is added and later."""
    confirm = click.option(
        "--confirm/--no-confirm",
        default=None,
        help="Whether the member must press 1 to take a call. External numbers must, unless --no-confirm is said.",
    )
    weight = click.option(
        "--weight",
        type=click.IntRange(MIN_WEIGHT, MAX_WEIGHT),
        metavar="N",
        help="The share of first calls under the policy weighted, 0 to 100; 0 is rung only after all others.",
    )
    return ring_options(weight(confirm(command)))


def group_options(clearable: bool) -> Callable[[Decorated], Decorated]:
    """What can be said of a group; where `clearable`, the word `none` takes a setting away."""

    def kind(of: AnyType) -> AnyType:
        return OrNone(of) if clearable else of

    none = " `none` takes it away." if clearable else ""
    rows = [*_ringing(kind, none), *_caller_hears(kind, none), *_when_busy(kind, none), *_cases(kind, clearable)]

    def decorate(command: Decorated) -> Decorated:
        for row in reversed(rows):
            command = row(command)
        return command

    return decorate


def _ringing(kind: OfKind, none: str) -> list[Decorated]:
    hunt_timeout = Seconds(MIN_HUNT_TIMEOUT_SECONDS, MAX_HUNT_TIMEOUT_SECONDS)
    return [
        click.option("--name", type=params.NAME, metavar="N", help="The group's name."),
        click.option("--policy", type=params.POLICY, metavar="P", help=POLICY_HELP),
        ring_options,
        click.option(
            "--voicemail",
            type=kind(params.BOX),
            metavar="EXT",
            help=f"The voicemail box. Without one: that of the last member.{none}",
        ),
        click.option(
            "--cycles",
            type=click.IntRange(1, MAX_CYCLES),
            metavar="N",
            help="How many times the members are gone through for one call.",
        ),
        click.option(
            "--hunt-timeout",
            type=kind(hunt_timeout),
            metavar="S",
            help=f"The longest time for the whole search, in seconds.{none}",
        ),
    ]


def _caller_hears(kind: OfKind, none: str) -> list[Decorated]:
    return [
        click.option(
            "--prefix",
            type=kind(params.PREFIX),
            metavar="TEXT",
            help=f"Text in front of the caller's name on the members' phones.{none}",
        ),
        click.option(
            "--music",
            type=kind(params.MUSIC),
            metavar="SOURCE",
            help=f"What the caller hears instead of ringing, such as local_stream://moh.{none}",
        ),
    ]


def _when_busy(kind: OfKind, none: str) -> list[Decorated]:
    return [
        click.option(
            "--call-waiting/--no-call-waiting", default=None, help="Whether members who are on a call are rung, too."
        ),
        click.option(
            "--wrap-up",
            type=Seconds(0, MAX_WRAP_UP_SECONDS),
            metavar="S",
            help="How long a member is left alone after a call of this group.",
        ),
        click.option(
            "--when-busy",
            type=click.Choice([each.value for each in WhenBusy]),
            metavar="|".join(WhenBusy),
            help=(
                "What a caller does while everybody who could answer is busy: go on to the destination, or wait for a "
                f"member, first come first served, until the hunt timeout (without one {MAX_WAIT_SECONDS:g} seconds)."
            ),
        ),
        click.option(
            "--auto-block",
            type=kind(click.IntRange(MIN_AUTO_BLOCK, MAX_AUTO_BLOCK)),
            metavar="N",
            help=(
                "Block a member who has let N calls in a row ring out, until `fshunt member unblock`; never the last "
                f"one who can be rung.{none}"
            ),
        ),
    ]


def _cases(kind: OfKind, clearable: bool) -> list[Decorated]:
    return [
        _case("--on-no-answer", "nobody answered", kind, clearable),
        _case("--on-busy", "everybody is busy", kind, clearable),
        _case("--on-unreachable", "everybody is disabled, blocked or without a phone", kind, clearable),
    ]


def _case(name: str, when: str, kind: OfKind, clearable: bool) -> Decorated:
    ending = " `none`: the group's box." if clearable else " Without it: the group's box."
    about = f"Where the caller goes when {when}: voicemail:EXT, transfer:NUMBER or hangup:CAUSE.{ending}"
    return click.option(name, type=kind(params.DESTINATION), metavar="DEST", help=about)


def ring_time(rings: int | None, seconds: float | None, *others: bool) -> RingTime | None:
    """The ring time that was said, None if none was; raises UsageError when more than one way to say it was used."""
    if sum([rings is not None, seconds is not None, *others]) > 1:
        raise UsageError("Say the ring time once: in rings, in seconds, or as the group's.")
    return RingTime(rings=rings, seconds=seconds) if rings is not None or seconds is not None else None


def said(options: dict[str, Any]) -> dict[str, Any]:
    """The fields of a group or member that were said: ring time in one field, what was cleared as its default."""
    fields = {name: _cleared(name, value) for name, value in options.items() if value is not None}
    if "when_busy" in fields:
        fields["when_busy"] = WhenBusy(fields["when_busy"])
    time = ring_time(fields.pop("rings", None), fields.pop("ring_seconds", None))
    return fields if time is None else fields | {"ring_time": time}


def _cleared(name: str, value: Any) -> Any:
    if value is not Cleared.CLEARED:
        return value
    return GROUP_BOX if name in CASES else None
