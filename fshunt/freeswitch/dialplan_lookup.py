"""What a context of FreeSWITCH's dialplan does with a number, read from its XML. Pure.

A condition may depend on what only a call knows: a variable, the time, the caller. Where that decides, the answer is
UNKNOWN: it is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from xml.etree import ElementTree

from fshunt.freeswitch.pilot_table import REALM
from fshunt.freeswitch.slices import Breathe, hold_breath, in_slices

Element = ElementTree.Element


class Answer(StrEnum):
    """Whether something is there."""

    FOUND = "found"
    NOT_FOUND = "not found"
    UNKNOWN = "cannot be checked"


@dataclass(frozen=True, slots=True)
class Lookup:
    """The answer, and the reason in a few words; for FOUND the extension that takes the number."""

    answer: Answer
    why: str = ""
    controlled: bool = False
    """Whether a controller takes the call there (``socket``): it has an end of its own."""
    controllers: tuple[str, ...] = ()
    """Its addresses, HOST:PORT, in the order in which they are tried."""
    by_table: bool = False
    """Whether the switch's table of pilots decides: then the answer is UNKNOWN here."""
    before_ours: bool = False
    """Of FOUND: whether an extension that gives callers to a controller stands behind this one."""


NUMBER_FIELDS = ("destination_number", "${destination_number}")

_LEAVES_NO_TRACE = frozenset(
    "set unset export multiset multiunset push unshift bridge_export log info eval hash db limit verbose_events "
    "set_profile_var ring_ready sleep event".split()
)
"""Applications that reach nobody. A caller is cut where only these, and a hang-up, stand."""
_CUTS = frozenset({"hangup", "respond"})

_TIMES = frozenset(
    "year yday mon mday week mweek wday hour minute minute-of-day time-of-day date-time dst tz-offset".split()
)
_MOST_UNKNOWNS = 8
"""Conditions of one extension that only a call decides: each doubles what may happen."""

_MOST_REPEATS = 4
"""Repeats of variable length in an expression that is tried here: their product bounds the time of a match."""

_STRANGE = re.compile(r"\[:|\\[KRhHvVQEGXCNpP]|\(\?(?:[|R&0-9#(]|P>)|\(\*")
"""What Perl's expressions have and Python's have not, or have otherwise."""
MAX_COMPILED = 10_000
"""Expressions that are kept: a dialplan with an extension for each pilot is asked for one pilot after the other."""
SLICE_CHARS = 65536
"""Of a context, read between two pauses: some 1.5 ms."""
_NAMED_GROUP = re.compile(r"\(\?<([A-Za-z_]\w*)>")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One way in which an extension may go: whether it takes the call, and the applications that it would run."""

    takes: bool
    applications: tuple[str, ...] = ()


def read_context(text: str, breathe: Breathe = hold_breath) -> Element | None:
    """Return the context in what ``xml_locate dialplan context name NAME`` answers; None where there is none."""
    parser = ElementTree.XMLParser()  # noqa: S314 (the switch writes it, without a document type)
    try:
        for start in range(0, len(text), SLICE_CHARS):
            parser.feed(text[start : start + SLICE_CHARS])
            breathe()
        root: Element = parser.close()
    except ElementTree.ParseError:
        return None
    return root if root.tag == "context" else None


def find_number(
    context: Element, number: str, *, in_table: bool | None = None, breathe: Breathe = hold_breath
) -> Lookup:
    """Return whether an extension of the context takes the number to anything but a hang-up.

    ``in_table``: whether the switch's table of pilots has the number; None: that is not known.
    """
    doubts: list[str] = []
    extensions = in_slices(context.iter("extension"), breathe)
    for extension in extensions:
        name = extension.get("name") or "without a name"
        if _is_of_another_number(extension, number):
            continue
        if not _is_about_numbers(extension):
            continue  # it is about the caller, the time or the state of the call
        if reads_table(extension) and _test(extension[0], number):
            if in_table is False:
                continue
            answer = Answer.UNKNOWN if in_table is None else Answer.FOUND
            return Lookup(answer, f"extension {name}", True, _controllers(extension), by_table=in_table is None)
        outcomes = _outcomes(extension, number)
        taking = [each for each in outcomes if each.takes]
        if not taking or _is_true(extension.get("continue")):
            continue
        cutting = all(_cuts(each.applications) for each in taking)
        if len(taking) < len(outcomes):
            doubts.append(f"extension {name} depends on more than the number")
        elif not cutting:
            return _taken(f"extension {name}", extension, taking, extensions)
        elif not doubts:
            return Lookup(Answer.NOT_FOUND, f"extension {name} ends the call")
        else:
            break
    return Lookup(Answer.UNKNOWN, doubts[0]) if doubts else Lookup(Answer.NOT_FOUND)


def _taken(why: str, extension: Element, taking: Iterable[_Outcome], behind: Iterable[Element]) -> Lookup:
    """What an extension says that takes a number, whatever only a call knows."""
    if all("socket" in each.applications for each in taking):
        return Lookup(Answer.FOUND, why, True, _controllers(extension))
    return Lookup(Answer.FOUND, why, before_ours=any(map(_controllers, behind)))


def reads_table(extension: Element) -> bool:
    """Whether an extension takes the numbers of the switch's table of pilots (``freeswitch.pilot_table``)."""
    return any(f"{{db(select/{REALM}/" in each.get("field", "") for each in extension.findall("condition"))


def _controllers(extension: Element) -> tuple[str, ...]:
    data = [action.get("data", "") for action in extension.iter("action") if action.get("application") == "socket"]
    addresses = [address for each in data if each.split() for address in each.split()[0].split("|")]
    return tuple(dict.fromkeys(addresses))


def _is_of_another_number(extension: Element, number: str) -> bool:
    """Tell at the first look that an extension ends with its first condition: most do, and there may be thousands."""
    first = extension.find("condition")
    if first is None or first.get("field") not in NUMBER_FIELDS or first.get("break", "on-false") != "on-false":
        return False
    return first.find("anti-action") is None and _test(first, number) is False


def _is_about_numbers(extension: Element) -> bool:
    tests = [*extension.iter("condition"), *extension.iter("regex")]
    tested = [each for each in tests if each.get("field") or _TIMES & set(each.attrib)]
    return not tested or any(each.get("field") in NUMBER_FIELDS for each in tested)


def _cuts(applications: tuple[str, ...]) -> bool:
    return set(applications) <= _LEAVES_NO_TRACE | _CUTS


def _outcomes(extension: Element, number: str) -> set[_Outcome]:
    conditions = extension.findall("condition")
    results = [_test(condition, number) for condition in conditions]
    if results.count(None) > _MOST_UNKNOWNS:
        return {_Outcome(True), _Outcome(False)}
    return set(_walk(list(zip(conditions, results, strict=True)), False, ()))


def _walk(
    conditions: list[tuple[Element, bool | None]], takes: bool, applications: tuple[str, ...]
) -> Iterator[_Outcome]:
    """Go through the conditions as FreeSWITCH does, both ways where only a call decides."""
    if not conditions:
        yield _Outcome(takes, applications)
        return
    (condition, result), *rest = conditions
    for passes in (True, False) if result is None else (result,):
        done = _applications(condition, "action" if passes else "anti-action")
        now = applications + done
        takes_now = passes or bool(done)
        breaks = condition.get("break", "on-false")
        if passes and condition.find("condition") is not None:  # conditions inside: only FreeSWITCH knows
            yield from (_Outcome(True, (*now, "unknown")), _Outcome(False, now))
        elif breaks == "always" or (breaks == "on-true" and passes) or (breaks == "on-false" and not passes):
            yield _Outcome(takes_now, now)
        else:
            yield from _walk(rest, takes_now, now)


def _applications(condition: Element, tag: str) -> tuple[str, ...]:
    return tuple(action.get("application", "") for action in condition.findall(tag))


def _test(condition: Element, number: str) -> bool | None:
    """Whether a condition holds; None: only a call decides."""
    if _TIMES & set(condition.attrib):
        return None
    rule = condition.get("regex")
    if rule is None:
        return True if condition.get("field") is None else _matches(condition, number)
    results = [None if _TIMES & set(each.attrib) else _matches(each, number) for each in condition.findall("regex")]
    if rule == "xor":
        return None if None in results else results.count(True) == 1
    deciding = rule != "all"
    if deciding in results:
        return deciding
    return None if None in results else not deciding


def _matches(test: Element, number: str) -> bool | None:
    field, inner = test.get("field"), test.find("expression")
    expression = test.get("expression", "") if inner is None else (inner.text or "")
    if field not in NUMBER_FIELDS:
        return None
    compiled = compile_expression(expression)
    return None if compiled is None else compiled.search(number) is not None


@lru_cache(MAX_COMPILED)
def compile_expression(expression: str) -> re.Pattern[str] | None:
    """Return a dialplan's expression for Python; None for one that differs there, or whose match could take long."""
    flags = re.ASCII
    if expression.startswith("_"):  # FreeSWITCH takes it for a pattern of Asterisk, as in _1XXX
        return None
    if expression.startswith("/") and "/" in expression[1:]:
        expression, _, options = expression[1:].rpartition("/")
        flags |= re.IGNORECASE if "i" in options else 0
        if set(options) - {"i"}:
            return None
    if "${" in expression or _STRANGE.search(expression) or not _is_tame(expression):
        return None
    try:
        return re.compile(_NAMED_GROUP.sub(r"(?P<\1>", expression).replace(r"\z", r"\Z"), flags)
    except (re.error, OverflowError, RecursionError):
        return None


_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?[^)]*?[:=!>])?|\)|[*+?]|\{\d*,?\d*\}|.", re.DOTALL)


def _is_tame(expression: str) -> bool:
    """Tell whether no repeat is inside another one, so that a match takes little time whatever the number."""
    varies = [False]
    repeats, closed = 0, False
    for part in _PART.findall(expression):
        if part.startswith("(") or part == "|":
            varies = [*varies, False] if part != "|" else [*varies[:-1], True]
            closed = False
        elif part == ")":
            inner = varies.pop() if len(varies) > 1 else False
            varies[-1] = varies[-1] or inner
            closed = inner
        elif part in ("*", "+", "?") or (part.startswith("{") and part != "{"):
            if part != "?":
                if closed:
                    return False
                repeats += "," in part or part in "*+"
            varies[-1] = varies[-1] or part == "?" or "," in part or part in "*+"
        else:
            closed = False
    return repeats <= _MOST_REPEATS


def _is_true(word: str | None) -> bool:
    return (word or "").lower() in ("true", "yes", "on", "enable", "enabled", "active", "allow", "1")
