"""The steps of `fshunt setup` from a group to a call: who rings, how callers get there, and a call that shows it."""

from __future__ import annotations

from collections.abc import Sequence

from fshunt.freeswitch.contacts import is_of_domain
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.hunting import validation
from fshunt.hunting.group import Group
from fshunt.services.setup_facts import DialplanFacts, Facts, SwitchFacts, is_ours
from fshunt.services.setup_steps import (
    AGAIN,
    MOST_MEMBERS,
    OPEN_MODE,
    PILOTS,
    Action,
    AddGroup,
    Do,
    State,
    Step,
    Wishes,
    WriteFile,
    calls_up,
    done,
    problem,
)


def first_group(facts: Facts, wishes: Wishes) -> Step:
    """The first group."""
    name, needs, groups = "group", ("freeswitch", "database"), facts.database.groups
    if groups:
        named = ", ".join(f"{group.pilot} of {group.domain}" for group in groups[:MOST_MEMBERS])
        return done(name, f"There are groups: {named}{' and others' if len(groups) > MOST_MEMBERS else ''}.")
    if facts.switch is None:
        return problem(name, "FreeSWITCH does not answer.", needs)
    domain = _domain(facts.switch, wishes)
    members = wishes.members or tuple(phones_in(facts.switch, domain)[:MOST_MEMBERS]) if domain else ()
    if domain is None or not members or (wishes.domain and not _is_known(facts.switch, wishes.domain)):
        where = f" in {wishes.domain}" if wishes.domain else ""
        elsewhere = sorted({each for _, each in facts.switch.phones})
        hint = f" (there are phones in {', '.join(elsewhere)})" if elsewhere else ""
        return problem(name, f"No phone is registered{where}{hint}: register one at FreeSWITCH, and {AGAIN}.", needs)
    pilot = wishes.pilot or _free_pilot(facts)
    if (taker := taken_by(facts, pilot)) is not None:
        return problem(
            name,
            f"Calls to {pilot} are taken by {taker} of FreeSWITCH's dialplan, context {facts.dialplan.context}: use "
            f"another number, for example `--pilot {_free_pilot(facts)}`.",
            needs,
        )
    return Step(
        name,
        State.TO_DO,
        "There are no groups yet.",
        "A group has the members who ring when its number, the pilot, is called.",
        f"Add group {pilot} of {domain} with {_named(members)}, who ring one after the other.",
        (AddGroup(domain, pilot, members),),
        needs,
    )


def _domain(switch: SwitchFacts, wishes: Wishes) -> str | None:
    """The domain that is named, else that with the most phones, else FreeSWITCH's own."""
    if wishes.domain is not None:
        return wishes.domain
    counted: dict[str, int] = {}
    for _, domain in sorted(switch.phones):
        if validation.fits(validation.check_domain, domain):
            counted[domain] = counted.get(domain, 0) + 1
    return max(counted, key=lambda each: counted[each], default=switch.domain)


def _is_known(switch: SwitchFacts, domain: str) -> bool:
    """Whether a domain that is named is FreeSWITCH's own, or has phones: another one may be a typing mistake."""
    return domain == switch.domain or bool(phones_in(switch, domain))


def phones_in(switch: SwitchFacts, domain: str) -> list[str]:
    """Return the extensions that have a phone in a domain, in order of their numbers."""
    found = {user for user, where in switch.phones if is_of_domain(where, domain)}
    fitting = (user for user in found if validation.fits(validation.check_extension, user))
    return sorted(fitting, key=lambda user: (len(user), user))


def _named(members: Sequence[str]) -> str:
    return f"the member{'s' if len(members) > 1 else ''} {', '.join(members)}"


def _free_pilot(facts: Facts) -> str:
    """A number that nobody has, else one that our file, which stands first in its folder, takes from another."""
    assert facts.switch is not None
    free = (each for each in PILOTS if facts.switch.lookup(each).answer is not Answer.FOUND)
    ours = (each for each in PILOTS if taken_by(facts, each) is None)
    return next(free, None) or next(ours, PILOTS[0])


def taken_by(facts: Facts, pilot: str) -> str | None:
    """The extension that would keep callers of the pilot from our file; None: there is none."""
    assert facts.switch is not None
    found = facts.switch.lookup(pilot)
    if found.answer is not Answer.FOUND or found.controlled:
        return None
    ours = facts.dialplan.content or b""
    has_it = f'-{pilot}">'.encode() in ours and is_ours(ours)
    return found.why if has_it or found.why.removeprefix("extension ") in facts.dialplan.before else None


def dialplan(facts: Facts) -> Step:
    """The way from a number to fshunt."""
    name, needs, found = "dialplan", ("freeswitch", "group", "settings"), facts.dialplan
    groups = facts.database.groups
    if facts.switch is None or not groups or facts.settings.loaded is None:
        what = "Callers of the first group get to fshunt by FreeSWITCH's dialplan."
        return Step(name, State.TO_DO, what, "", f"Write {found.file}, and reload.", (), needs)
    good = facts.dialplans()
    if _needs_anothers_table(facts) and found.content != good[-1]:
        return problem(
            name,
            "FreeSWITCH's table of pilots belongs to another database than that of this command. If it is of no more "
            f"use, write it anew by `fshunt dialplan --table --out {found.file} --reload`, and {AGAIN}.",
            needs,
        )
    led = all(facts.switch.leads(group) for group in groups)
    if led and (found.content is None or found.content in good or not is_ours(found.content)):
        return done(name, "FreeSWITCH's dialplan gives the callers of all groups to fshunt.")
    for group in groups:
        if (taker := taken_by(facts, group.pilot)) is not None:
            return problem(
                name,
                f"Calls to {group.pilot} are taken by {taker} of FreeSWITCH's dialplan, context {found.context}: take "
                f"it out, or run `fshunt group renumber {group.pilot} NEW` and {AGAIN}.",
                needs,
            )
    if (missing := _no_place(facts.dialplan)) is not None:
        return problem(name, missing, needs)
    actions = _dialplan_actions(facts, good)
    change = f"Write {found.file}, and have" if isinstance(actions[0], WriteFile) else "Have"
    return Step(
        name,
        State.TO_DO,
        f"FreeSWITCH's dialplan does not lead callers to fshunt{' as it should' if led else ''}.",
        "They would not reach their group.",
        f"{change} FreeSWITCH read its files anew: {calls_up(facts.switch)}, and none is cut.",
        actions,
        needs,
    )


def _needs_anothers_table(facts: Facts) -> bool:
    """Whether the switch's table of pilots is of another database, and no dialplan leads the callers without it."""
    if facts.switch is None or None in (facts.switch.table_owner, facts.database.identity):
        return False
    found = [facts.switch.lookup(group.pilot) for group in facts.database.groups]
    led_without = all(each.controlled and not each.by_table for each in found)
    return facts.switch.table_owner != facts.database.identity and not led_without


def _no_place(found: DialplanFacts) -> str | None:
    """Say why a file in the context's folder would not count; None: it would."""
    if not found.has_folder:
        return f"There is no folder {found.folder} for the dialplan: write it by `fshunt dialplan --out FILE --reload`."
    if found.context_file is not None:
        line = f'<X-PRE-PROCESS cmd="include" data="{found.context}/*.xml"/>'
        return f"{found.context_file} does not include the files of {found.folder}: add {line} to the context."
    return None


def _dialplan_actions(facts: Facts, good: Sequence[bytes]) -> tuple[Action, ...]:
    found = facts.dialplan
    write: tuple[Action, ...] = () if found.content in good else (WriteFile(found.file, good[0], mode=OPEN_MODE),)
    by_table = len(good) > 1 and (write or found.content == good[0])
    return (*write, Do.RELOAD_XML, *((Do.FILL_TABLE,) if by_table else ()))


def test_call(facts: Facts, wishes: Wishes) -> Step:
    """The call that shows all."""
    name, needs = "test-call", ("freeswitch", "dialplan", "daemon")
    group = called_group(facts, wishes)
    if group is None and facts.database.groups:
        return problem(name, f"There is no group {wishes.pilot or ''} to call".replace("  ", " ") + ".", needs)
    if group is None:
        return Step(name, State.TO_DO, "A test call shows that all works.", "", "Call the group.", (), needs)
    phones = set() if facts.switch is None else set(phones_in(facts.switch, group.domain))
    ringing = [each.address.number for each in group.members if each.address.external or each.address.number in phones]
    if not ringing:
        return problem(name, f"No member of {group.pilot} has a phone: register one, and {AGAIN}.", needs)
    return Step(
        name,
        State.TO_DO,
        f"A test call to {group.pilot} rings {', '.join(ringing)}.",
        "",
        f"Call {group.pilot}: the phones of {', '.join(ringing)} ring; who picks up hears nothing for some seconds.",
        (Do.CALL,),
        needs,
    )


def called_group(facts: Facts, wishes: Wishes) -> Group | None:
    """Return the group that the test call goes to: that of the pilot that is named, else the first one."""
    for group in facts.database.groups:
        if wishes.pilot in (None, group.pilot) and wishes.domain in (None, group.domain):
            return group
    return None
