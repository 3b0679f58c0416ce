"""The office as a process of its own, for a browser's tests: it does what stands on its standard input.

Each line is JSON: ``{"pilot": "5000", "phones": {"1001": "answers"}}`` lets somebody call, and is answered when the
call is over, by a line that says how. With ``"stays": true`` it is answered at once, and the caller stays until
``{"hangs_up": UUID}``. ``{"workday": true}`` lets callers come by chance. It ends with its input.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from random import Random
from typing import Any

import gevent
from gevent.fileobject import FileObject

from fshunt.cli.demo_office import WebOffice, web_office
from fshunt.settings import Address
from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.phones import RINGS, Behaviour, answers, refuses
from fshunt.simulator.core.simulated_call import SimulatedCall
from fshunt.simulator.scenarios.workday import Workday
from tests.support.waiting import WAIT_SECONDS

BEHAVIOURS: dict[str, Behaviour] = {
    "rings": RINGS,
    "answers": answers(0.2, talks=0.2),
    "talks": answers(0.2),
    "declines": refuses(603, 0.1),
}


def main() -> None:
    """Run the office until the input ends."""
    with web_office(Address("127.0.0.1", 0)) as office:
        day = Workday(office.switch, Random(5))
        accounts = {account.role.value: (account.name, account.password) for account in office.accounts}
        staying: dict[str, SimulatedCall] = {}
        say({"address": office.address, "accounts": accounts, "database_url": office.database_url})
        for line in FileObject(sys.stdin.buffer, "rb", close=False):
            asked = json.loads(line)
            if asked.get("workday"):
                gevent.spawn(go_on, day)
                say({})
            elif asked.get("stays"):
                placed = place(office, asked)
                staying[placed.uuid] = placed
                say({"uuid": placed.uuid})
            elif "hangs_up" in asked:
                placed = staying.pop(asked["hangs_up"])
                placed.hang_up()
                say(ended(placed))
            else:
                say(ended(place(office, asked)))


def say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def place(office: WebOffice, asked: dict[str, Any]) -> SimulatedCall:
    for phone in office.switch.registrations.registered():
        phone.behave(BEHAVIOURS[asked["phones"].get(phone.user, "rings")])
    return office.switch.call(asked["pilot"], caller=SimulatedCaller(message_seconds=0.1))


def ended(placed: SimulatedCall) -> dict[str, Any]:
    has_ended = placed.join(WAIT_SECONDS)
    return asdict(placed.ending) | {"ended": has_ended, "uuid": placed.uuid}


def go_on(day: Workday) -> None:
    while True:
        day.next_call()
        gevent.sleep(day.pause() / 2)


if __name__ == "__main__":
    main()
