"""The `[[gateway]]` tables: what external legs show on each gateway, and how its keys come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fshunt.hunting import validation
from fshunt.hunting.gateways import CallerIn, Gateway
from fshunt.hunting.suggestions import did_you_mean
from fshunt.settings.values import ValueKind, WrongValueError, split, text_of

KEYS = ("name", "caller_id_number", "caller_in", "inband_dtmf")
INBAND = "inband_dtmf"
FORM = "must be [[gateway]] tables with `name`, and `caller_id_number`, `caller_in` or `inband_dtmf`"


def gateways() -> ValueKind:
    """The tables of the file, or NAME:NUMBER:CALLER_IN:inband_dtmf with commas between them in the environment."""
    return ValueKind(
        "[[gateway]] tables; in the variable NAME:NUMBER:CALLER_IN:inband_dtmf, what is not set left out, separated by "
        "commas",
        split,
        _check_all,
        lambda found: [_show(gateway) for gateway in found],
    )


def _show(gateway: Gateway) -> str:
    parts = [gateway.name, gateway.caller_id_number or ""]
    parts += [gateway.caller_in.value if gateway.caller_in is not CallerIn.NAME else ""]
    parts += [INBAND if gateway.inband_dtmf else ""]
    return ":".join(part for part in parts if part)


def _check_all(value: object) -> tuple[Gateway, ...]:
    if isinstance(value, dict):
        raise WrongValueError(f"{FORM}: use two brackets on each side of the word")
    if not isinstance(value, list):
        raise WrongValueError(FORM)
    found: dict[str, Gateway] = {}
    for said in value:
        gateway = _from_text(said) if isinstance(said, str) else _from_table(said)
        if found.setdefault(gateway.name, gateway) is not gateway:
            raise WrongValueError(f"names {gateway.name} twice")
    return tuple(found.values())


def _from_text(said: str) -> Gateway:
    name, *parts = (part.strip() for part in said.split(":"))
    table: dict[str, Any] = {"name": name}
    for part in parts:
        if part == INBAND:
            table[INBAND] = True
        elif part in tuple(CallerIn):
            table["caller_in"] = part
        else:
            table["caller_id_number"] = part
    return _from_table(table)


def _from_table(said: object) -> Gateway:
    if not isinstance(said, Mapping):
        raise WrongValueError(FORM)
    for key in said:
        if key not in KEYS:
            raise WrongValueError(f"has a table with the unknown key `{key}`{did_you_mean(key, list(KEYS))}")
    if "name" not in said:
        raise WrongValueError("has a table without `name`")
    number, inband = said.get("caller_id_number"), said.get(INBAND, False)
    if not isinstance(inband, bool):
        raise WrongValueError(f"must have true or false as `{INBAND}`, not {inband!r}")
    return Gateway(
        name=validation.check_gateway(text_of(said["name"])),
        caller_id_number=None if number is None else validation.check_external_number(text_of(number)),
        caller_in=_caller_in(said.get("caller_in", CallerIn.NAME.value)),
        inband_dtmf=inband,
    )


def _caller_in(value: object) -> CallerIn:
    words = [each.value for each in CallerIn]
    said = text_of(value)
    if said not in words:
        hint = did_you_mean(said, words)
        raise WrongValueError(f"must have one of {', '.join(words)} as `caller_in`, not {said!r}{hint}")
    return CallerIn(said)
