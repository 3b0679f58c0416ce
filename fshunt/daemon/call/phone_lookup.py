"""Which phones members have: the switch of the call is asked, then what is known of the others (design, section 3)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from fshunt.daemon.deps import Dependencies
from fshunt.esl.session import Session
from fshunt.freeswitch import contacts
from fshunt.freeswitch.contacts import MemberPhones
from fshunt.freeswitch.dialstring import external_endpoint
from fshunt.freeswitch.directory import DIRECTORY_SECONDS, SLOW_SECONDS, Way
from fshunt.hunting.group import Member
from fshunt.log_events import LogEvent, about

log = logging.getLogger(__name__)

API_SECONDS = 5.0
"""How long the switch may take to list phones; it takes a fraction of a millisecond for each (fact 25)."""

Phones = dict[int, MemberPhones]
"""The phones of each member who was asked about, by id."""


def find_phones(session: Session, domain: str, members: Sequence[Member], deps: Dependencies) -> Phones:
    """Ask the switch for all phones of all members at once (fact 41); an external number is its own phone.

    A member without a phone there may have one at another switch that is watched (design, section 3).
    """
    extensions = [m.address.number for m in members if not m.address.external]
    patience = deps.slow_directories.seconds(session.core_uuid)
    answers = contacts.ask(session, domain, extensions, API_SECONDS, deps.sip_profiles, patience)
    if patience and answers:
        _note_directory(session, all(found.reach.answered for found in answers.values()), deps)
    for extension, found in answers.items():
        for why in found.undialable:
            extra = about(LogEvent.CALL_WARNING, call=session.uuid, domain=domain, member=extension)
            log.warning("call %s: a phone of %s skipped: %s", session.uuid, extension, why, extra=extra)
    for extension, found in answers.items():
        if found.reach.answered:
            deps.known_users.note(domain, extension, found.reach)
        if not found.registered and found.reach.way is Way.CONTACTS:
            answers[extension] = _at_another_switch(session, domain, extension, deps)
    return {
        m.id: MemberPhones((external_endpoint(m.address),)) if m.address.external else answers[m.address.number]
        for m in members
    }


def _note_directory(session: Session, answered: bool, deps: Dependencies) -> None:
    """Say once that the directory of a switch is slow, and that it is not any more."""
    if not deps.slow_directories.note(session.core_uuid, answered=answered):
        return
    if answered:
        words = "call %s: the directory of its FreeSWITCH answers in time again"
        log.info(words, session.uuid, extra=about(LogEvent.DIRECTORY_UP, call=session.uuid))
    else:
        log.warning(
            "call %s: the directory of its FreeSWITCH did not answer in %g s: members ring at their registered phones, "
            "and it is asked again after %g s",
            *(session.uuid, DIRECTORY_SECONDS, SLOW_SECONDS),
            extra=about(LogEvent.DIRECTORY_DOWN, call=session.uuid),
        )


def _at_another_switch(session: Session, domain: str, extension: str, deps: Dependencies) -> MemberPhones:
    """What another watched switch has of an extension: one endpoint there rings all its phones."""
    switch = deps.monitor.elsewhere(domain, extension, session.core_uuid)
    if switch is None:
        return MemberPhones()
    endpoint = switch.endpoint(extension, domain)
    return MemberPhones(other_switch=switch.name) if endpoint is None else MemberPhones((endpoint,))
