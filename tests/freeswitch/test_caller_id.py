"""What an external leg shows (design, sections 4 and 9)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fshunt.errors import BadValue
from fshunt.freeswitch.caller_id import CallerId
from fshunt.hunting.gateways import CallerIn

OFFICE = "+14155559999"
CALLER = "4155550100"
ADDRESS = f"<sip:{CALLER}@pbx.test>"
SHOWN = CallerId(OFFICE, CALLER, False, CallerIn.NAME, "pbx.test", "Sales -")


@pytest.mark.parametrize("caller_in", CallerIn)
def test_the_number_is_the_customers_own_and_stays_so_at_the_answer(caller_in: CallerIn) -> None:
    variables = replace(SHOWN, caller_in=caller_in).variables()
    assert variables[:2] == [f"origination_caller_id_number={OFFICE}", "ignore_display_updates=true"]


@pytest.mark.parametrize(
    ("caller_in", "variables"),
    [
        (CallerIn.NAME, [f"origination_caller_id_name=Sales - {CALLER}"]),
        (CallerIn.DIVERSION, [f"sip_h_Diversion={ADDRESS}"]),
        (CallerIn.P_ASSERTED_IDENTITY, ["sip_cid_type=none", f"sip_h_P-Asserted-Identity={ADDRESS}"]),
    ],
)
def test_the_caller_stands_where_the_gateway_has_it(caller_in: CallerIn, variables: list[str]) -> None:
    assert replace(SHOWN, caller_in=caller_in).variables()[2:] == variables


def test_without_a_prefix_the_name_is_the_number_alone() -> None:
    assert replace(SHOWN, prefix=None).variables()[2:] == [f"origination_caller_id_name={CALLER}"]


@pytest.mark.parametrize("caller_in", CallerIn)
def test_a_caller_who_is_withheld_is_shown_nowhere(caller_in: CallerIn) -> None:
    variables = replace(SHOWN, caller_in=caller_in, withheld=True).variables()[2:]
    assert variables == ["origination_privacy=screen", "origination_caller_id_name=Sales - Anonymous"]


@pytest.mark.parametrize("caller_in", CallerIn)
def test_a_caller_without_a_number_keeps_the_name_that_the_switch_has(caller_in: CallerIn) -> None:
    assert len(replace(SHOWN, caller_in=caller_in, caller=None).variables()) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        replace(SHOWN, number="+1415,x=y"),
        replace(SHOWN, number="office"),
        replace(SHOWN, caller="4155550100]"),
        replace(SHOWN, caller="Lab Caller"),
        replace(SHOWN, caller="\u0664"),
        replace(SHOWN, prefix="a,b"),
        replace(SHOWN, prefix="${x}"),
        replace(SHOWN, caller_in=CallerIn.DIVERSION, domain="pbx.test>"),
    ],
)
def test_a_part_that_does_not_fit_its_kind_is_refused_when_it_is_sent(wrong: CallerId) -> None:
    with pytest.raises(BadValue):
        wrong.variables()
