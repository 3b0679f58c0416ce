"""Which characters each kind of value may have (design, section 9).

A value is checked when it is stored and again when it is sent. A value that does not fit is refused, never repaired, so
no stored text can mean more to FreeSWITCH than one value.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fshunt.errors import BadValue
from fshunt.hunting.hangup_causes import HANGUP_CAUSES
from fshunt.hunting.suggestions import or_nearest

MAX_NUMBER_CHARS = 32
MAX_NAME_CHARS = 64
MAX_USER_NAME_CHARS = 254
"""An e-mail address is no longer."""
MAX_CONTACT_CHARS = 1024
MAX_SOURCE_CHARS = 256
MAX_CALLER_NAME_CHARS = 80

NAME_MARKS = "._+@/&()#!-"
"""Marks allowed in names, besides letters, digits and spaces. A colon is not allowed: FreeSWITCH drops all text before
it in a caller's name (fact 14)."""

CALLER_NAME_MARKS = NAME_MARKS + "',"


_URI_CHARACTER = r"[A-Za-z0-9_.!~*'()%;/?:@&=+$,\[\]-]"
"""What may stand in a SIP address (RFC 3261, section 25.1)."""


def _pattern_kind(what: str, pattern: str, form: str, *, enterprise: bool = False) -> Callable[[str], str]:
    """Return the check of a kind; ``enterprise``: it may hold ``:_:``, as who builds a dial string encodes it."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not compiled.fullmatch(value) or (":_:" in value and not enterprise):
            raise BadValue(f"{shown(value)} is not {what}: {form}.")
        return value

    check.__doc__ = f"Return the value if it is {what} ({form}); raise BadValue if not."
    return check


def shown(value: str) -> str:
    """Return a value as a sentence quotes it: shortened, and without characters that a terminal acts on."""
    text = value if len(value) <= MAX_NAME_CHARS else value[:MAX_NAME_CHARS] + "..."
    return ascii(text) if not text.isprintable() else f"'{text}'"


_SOUND_FILE = rf"/?[A-Za-z0-9_-][A-Za-z0-9_./-]{{0,{MAX_SOURCE_CHARS - 1}}}"

check_extension = _pattern_kind(
    "an extension",
    rf"(?:\+(?=[A-Za-z0-9])|[A-Za-z0-9])[A-Za-z0-9_.-]{{0,{MAX_NUMBER_CHARS - 1}}}",
    f"up to {MAX_NUMBER_CHARS} letters, digits, '_', '.', '-', or a '+' in front, without spaces",
)
check_pilot = _pattern_kind(
    "a pilot number",
    rf"[A-Za-z0-9*#+][A-Za-z0-9*#_.-]{{0,{MAX_NUMBER_CHARS - 1}}}",
    f"up to {MAX_NUMBER_CHARS} digits or letters, '*', '#', '_', '.', '-', or a '+' in front, without spaces",
)
check_transfer_number = _pattern_kind(
    "a number to transfer to",
    rf"[A-Za-z0-9*#+][A-Za-z0-9*#_.-]{{0,{MAX_NUMBER_CHARS - 1}}}",
    f"up to {MAX_NUMBER_CHARS} digits or letters, '*', '#', '_', '.', '-', or a '+' in front, without spaces",
)
check_external_number = _pattern_kind(
    "an external number", r"\+?[0-9]{2,20}", "2 to 20 digits, with a '+' in front if it is international"
)
check_caller_number = _pattern_kind(
    "a caller's number that can be sent to a phone",
    rf"\+?[0-9]{{1,{MAX_NUMBER_CHARS - 1}}}",
    f"up to {MAX_NUMBER_CHARS - 1} digits, with a '+' in front if it is international",
)
check_gateway = _pattern_kind(
    "a gateway", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "up to 64 letters, digits, '_', '.' or '-'"
)
check_domain = _pattern_kind(
    "a domain",
    r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?",
    "letters, digits, '.' and '-', as in pbx.example.com",
)
check_position = _pattern_kind("a position", r"[1-9][0-9]{0,5}", "use a whole number from 1")
check_user_name = _pattern_kind(
    "the name of a user",
    rf"[A-Za-z0-9+][A-Za-z0-9._+@-]{{0,{MAX_USER_NAME_CHARS - 1}}}",
    f"up to {MAX_USER_NAME_CHARS} letters without accents, digits, '.', '_', '-', '+' and '@', without spaces",
)
"""ASCII alone: no two names look the same."""
check_change = _pattern_kind("the number of a change", r"[1-9][0-9]{0,8}", "`fshunt history` lists them")
check_music = _pattern_kind(
    "a music source",
    rf"(?:local_stream://[A-Za-z0-9_./-]+|tone_stream://[A-Za-z0-9%(),;=.*_-]+|{_SOUND_FILE})",
    "local_stream://NAME, tone_stream://TONES, or a sound file",
)
check_prompt = _pattern_kind(
    "a sound to play",
    rf"(?:tone_stream://[A-Za-z0-9%(),;=._-]+|(?:silence_stream|local_stream)://[A-Za-z0-9_./-]+|{_SOUND_FILE})",
    "a sound file, or a tone_stream, silence_stream or local_stream, without spaces",
)
check_sound_file = _pattern_kind("a sound file", _SOUND_FILE, "letters, digits, '_', '.', '-' and '/'")
check_callback_pattern = _pattern_kind(
    "the numbers that may be called back", r"\+?[0-9]{1,20}\*?", "digits, with a '+' before or a '*' behind them or not"
)
check_language = _pattern_kind("a language", r"[a-z]{2,3}", "two or three small letters, such as en")
check_context = _pattern_kind(
    "a dialplan context", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "letters, digits, '_', '.', '-'"
)
check_profile = _pattern_kind(
    "a voicemail profile", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "letters, digits, '_', '.', '-'"
)
check_uuid = _pattern_kind("a channel's uuid", r"[A-Za-z0-9-]{1,64}", "letters, digits and '-'")
check_call_uuid = _pattern_kind(
    "the uuid of a call", r"[!-~]{1,256}", "up to 256 characters without spaces", enterprise=True
)
"""A caller's channel may have the caller's Call-ID as its uuid (``inbound-use-callid-as-uuid``)."""
check_contact = _pattern_kind(
    "a registered contact",
    rf"sofia/[A-Za-z0-9_.-]{{1,64}}/sips?:{_URI_CHARACTER}{{1,{MAX_CONTACT_CHARS}}}",
    f"a SIP address of up to {MAX_CONTACT_CHARS} characters that RFC 3261 allows",
    enterprise=True,
)
check_endpoint = _pattern_kind(
    "an endpoint",
    rf"[a-z][a-z0-9_.]{{1,31}}/{_URI_CHARACTER}{{1,{2 * MAX_CONTACT_CHARS}}}",
    "a type and an address of characters that RFC 3261 allows in a SIP address",
    enterprise=True,
)


def check_cause(value: str) -> str:
    """Return the value if it is a hang-up cause of FreeSWITCH; raise BadValue, naming the nearest, if not."""
    if value in HANGUP_CAUSES:
        return value
    hint = or_nearest(value.upper(), sorted(HANGUP_CAUSES), "use one such as USER_BUSY or NO_ANSWER.")
    raise BadValue(f"{shown(value)} is not a hang-up cause of FreeSWITCH: {hint}")


def _text_kind(what: str, marks: str, longest: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value != value.strip() or not value:
            raise BadValue(f"{shown(value)} is not {what}: it is empty or has spaces at an end.")
        if len(value) > longest:
            raise BadValue(f"{shown(value)} is not {what}: it is longer than {longest} characters.")
        wrong = [c for c in value if not (c.isalnum() or c == " " or c in marks)]
        if wrong:
            raise BadValue(f"{shown(value)} is not {what}: {shown(wrong[0])} is not allowed in it.")
        return value

    check.__doc__ = f"Return the value if it is {what} (letters, digits, spaces and {marks}); raise BadValue if not."
    return check


check_token_name = _text_kind("the name of a token", NAME_MARKS, MAX_NAME_CHARS)
check_board_name = _text_kind("the name of a board", NAME_MARKS, MAX_NAME_CHARS)
check_name = _text_kind("a name", NAME_MARKS, MAX_NAME_CHARS)
check_prefix = _text_kind("a caller-name prefix", NAME_MARKS, MAX_NAME_CHARS)
check_caller_name = _text_kind("a caller's name that can be sent to a phone", CALLER_NAME_MARKS, MAX_CALLER_NAME_CHARS)


def fits(check: Callable[[str], str], value: str) -> bool:
    """Tell whether ``check`` accepts the value."""
    try:
        check(value)
    except BadValue:
        return False
    return True
