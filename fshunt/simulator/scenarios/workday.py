"""A day in an office that goes on until somebody stops it: callers come by chance, and people answer, or do not."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.phones import RINGS, Behaviour, Phone, answers, refuses
from fshunt.simulator.core.simulated_call import SimulatedCall
from fshunt.simulator.switch import SimulatedSwitch

DOMAIN = "office.test"
PEOPLE = {
    "1001": "Ana", "1002": "Ben", "1003": "Chloe", "1004": "Dev", "1005": "Eva",
    "1101": "Finn", "1102": "Gita", "1103": "Hugo",
}  # fmt: skip
NO_PHONE = ("1004",)
"""Who has left the phone at home."""

SALES, SUPPORT, RECEPTION = "5000", "5100", "5200"
CALLERS = [
    (f"+1415555{number:04}", f"{first} {last}")
    for number, (first, last) in enumerate(
        zip(
            ("Nora", "Omar", "Pia", "Quentin", "Rosa", "Sam", "Tess", "Uri", "Vera", "Walt", "Xena", "Yann") * 3,
            ("Field", "Lake", "Wood", "Hill", "Dale", "Brook", "Moor", "Stone", "Cliff") * 4,
            strict=True,
        ),
        start=120,
    )
]
"""Numbers and names of those who call."""

_PILOTS = (SALES,) * 5 + (SUPPORT,) * 4 + (RECEPTION,)
MAX_CALLS = 4
"""At most so many at one time: else everybody would be on the phone all day."""


@dataclass(frozen=True, slots=True)
class Came:
    """A call that has come in."""

    pilot: str
    number: str
    name: str
    call: SimulatedCall


class Workday:
    """The phones of the people on a switch, and calls to their groups."""

    def __init__(self, switch: SimulatedSwitch, random: Random) -> None:
        self._switch, self._random = switch, random
        self._phones: list[Phone] = [switch.phone(each) for each in PEOPLE if each not in NO_PHONE]
        for extension, name in PEOPLE.items():
            switch.user(extension)
            switch.directory[extension] = name
        switch.list_all_users()

    def pause(self) -> float:
        """Return the seconds until the next call."""
        return self._random.uniform(4, 12)

    def next_call(self) -> Came | None:
        """Let somebody call; None while there are calls enough."""
        if len(self._switch.calls) >= MAX_CALLS:
            return None
        for phone in self._phones:
            phone.behave(self._behaviour())
        pilot, (number, name) = self._random.choice(_PILOTS), self._random.choice(CALLERS)
        gives_up = self._random.uniform(8, 40) if self._random.random() < 0.2 else None
        caller = SimulatedCaller(give_up_after=gives_up, message_seconds=self._random.uniform(3, 9))
        return Came(pilot, number, name, self._switch.call(pilot, number, name, caller=caller))

    def _behaviour(self) -> Behaviour:
        fate = self._random.random()
        if fate < 0.6:
            return answers(self._random.uniform(3, 12), talks=self._random.uniform(20, 75))
        return refuses(603, self._random.uniform(2, 6)) if fate < 0.68 else RINGS
