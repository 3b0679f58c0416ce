"""What an external leg shows: a number that the trunk takes, and who calls."""

import pytest

MOBILE = "+14155550123"
GATEWAY = "+14155559999"
CALLER = "4155550100"
ADDRESS = f"<sip:{CALLER}@pbx.test>"
WITHHELD = {"Privacy": "id", "P-Asserted-Identity": f"<sip:{CALLER}@pbx.test>"}


def shown(lab, phone):
    """All that the INVITE to a phone says of the caller; in the From only the name and the address."""
    detail = lab.seen(phone, "INVITE")[0].detail
    return {**detail, "shown": detail["shown"].partition("@")[0]}


async def called(lab, admin, *options, gateway="", member=(), caller=None):
    """Have somebody call a group of a mobile and 1001, and wait until both ring."""
    admin.daemon.restart(FSHUNT_GATEWAY=gateway)
    if MOBILE not in lab.phones:
        lab.behave(MOBILE)
    admin.group("--policy", "simultaneous", *options, members=("1001",))
    admin("member", "add", "5000", f"{MOBILE}@carrier", *member)
    (caller or lab.caller("5000")).dial()
    await lab.until_seen(MOBILE, "INVITE")
    await lab.until_seen("1001", "INVITE")


async def test_the_gateways_number_is_shown_and_the_callers_is_the_name(lab, admin):
    await called(lab, admin, "--prefix", "R&D #1 (Büro)!", gateway=f"carrier:{GATEWAY}")
    there = shown(lab, MOBILE)
    assert there["shown"] == f'"R&D #1 (Büro)! {CALLER}" <sip:{GATEWAY}'
    assert CALLER not in there["remote-party-id"].partition("<")[2], "a trunk refuses foreign numbers"
    assert shown(lab, "1001")["shown"] == f'"R&D #1 (Büro)! Lab" <sip:{CALLER}', (
        "its phone of the same stage shows the caller"
    )


@pytest.mark.parametrize(
    ("group", "member", "number"),
    [((), (), GATEWAY), (("4930100",), (), "4930100"), (("4930100",), ("4930200",), "4930200")],
    ids=["gateway", "group", "member"],
)
async def test_the_members_number_is_before_the_groups_and_that_before_the_gateways(lab, admin, group, member, number):
    option = "--caller-id-number"
    await called(
        lab,
        admin,
        *(word for value in group for word in (option, value)),
        gateway=f"carrier:{GATEWAY}",
        member=tuple(word for value in member for word in (option, value)),
    )
    assert shown(lab, MOBILE)["shown"] == f'"{CALLER}" <sip:{number}'


async def test_without_a_number_the_caller_is_shown_as_the_caller_is(lab, admin):
    await called(lab, admin, gateway="other:+4930999")
    assert shown(lab, MOBILE)["shown"] == f'"Lab" <sip:{CALLER}'


@pytest.mark.parametrize("header", ["diversion", "p-asserted-identity"])
async def test_the_caller_stands_in_the_header_that_the_gateway_has(lab, admin, header):
    await called(lab, admin, "--prefix", "Sales", gateway=f"carrier:{GATEWAY}:{header}")
    there = shown(lab, MOBILE)
    assert there["shown"] == f'"Sales Lab" <sip:{GATEWAY}'
    assert there[header] == ADDRESS
    others = {name: value for name, value in there.items() if name != header}
    assert CALLER not in str(others)
    assert header not in shown(lab, "1001") or ADDRESS not in shown(lab, "1001")[header]


@pytest.mark.parametrize("where", ["name", "diversion", "p-asserted-identity"])
async def test_a_withheld_number_is_shown_nowhere_and_the_customers_own_is(lab, admin, where):
    caller = lab.caller("5000", number_shown="anonymous", display="Anonymous", more=WITHHELD)
    await called(lab, admin, "--prefix", "Sales", gateway=f"carrier:{GATEWAY}:{where}", caller=caller)
    there = shown(lab, MOBILE)
    assert there["shown"] == f'"Sales Anonymous" <sip:{GATEWAY}'
    assert CALLER not in str(there)
    assert "privacy=full" not in there.get("remote-party-id", ""), "the trunk would withhold our number"


async def test_a_caller_without_a_number_has_the_own_name(lab, admin):
    await called(lab, admin, gateway=f"carrier:{GATEWAY}", caller=lab.caller("5000", number_shown="alice"))
    assert shown(lab, MOBILE)["shown"] == f'"Lab" <sip:{GATEWAY}'


@pytest.mark.parametrize("where", ["name", "diversion", "p-asserted-identity"])
async def test_the_answer_tells_the_trunk_no_other_number(lab, admin, where):
    lab.behave(MOBILE, answer_after=0.2, digits="1", digits_after=0.3, user_agent="Mitel Border Gateway")
    caller = lab.caller("5000")
    await called(lab, admin, gateway=f"carrier:{GATEWAY}:{where}", caller=caller)
    assert await caller.result(10) == 200
    caller.hang_up()
    await lab.until_seen(MOBILE, "BYE")
    assert not [seen for seen in lab.seen(MOBILE) if seen.what.endswith("AGAIN")]


FOREIGN = "4155557777"


@pytest.mark.parametrize("where", ["name", "diversion", "p-asserted-identity"])
@pytest.mark.parametrize("nolocal", ["", "nolocal:"])
async def test_a_number_that_the_dialplan_exports_does_not_stand_over_ours(lab, admin, before, nolocal, where):
    exported = {"origination_caller_id_number": FOREIGN, "origination_caller_id_name": "Foreign"}
    before(*(("export", f"{nolocal}{name}={value}") for name, value in exported.items()))
    await called(lab, admin, gateway=f"carrier:{GATEWAY}:{where}")
    there = shown(lab, MOBILE)
    assert FOREIGN not in str(there), "a trunk refuses foreign numbers"
    assert f"<sip:{GATEWAY}" in there["shown"]
    assert CALLER in there["shown"] if where == "name" else CALLER in there[where]
