"""A caller is a caller like any other, whatever the text in the call."""

import pytest

NAMES = [
    "Bob%0Avariable_fshunt_domain%3A other.test",
    "x%0A%0Asendmsg%0Acall-command%3A hangup",
    "${global_setvar(live_owned=name)}",
    "a,b]c}d[e{f|g:_:h",
    "it's 'quoted'",
    "Sales: Lab",
    "Zoë Müller 日本",
    "x" * 300,
]


@pytest.mark.parametrize("display", NAMES)
async def test_a_caller_with_a_hostile_name_is_hunted_like_any_other(lab, admin, pbx, display):
    admin.group("--prefix", "Sales", members=("1001", "1002"))
    lab.behave("1001", reject=486)
    lab.behave("1002", answer_after=0.2, hangup_after=0.3)
    caller = lab.caller("5000", display=display).dial()
    assert await caller.result(10) == 200
    await caller.until_end()
    assert lab.rang() == ["1001", "1002"]
    assert "4155550100" in lab.seen("1002", "INVITE")[0].detail["shown"]
    assert pbx.api("global_getvar live_owned").strip() in ("", "-ERR no reply")
    (call,) = admin.calls()
    assert (call["domain"], call["result"], call["caller_number"]) == ("pbx.test", "answered", "4155550100")


@pytest.mark.parametrize(
    ("user", "host"),
    [
        ("5000", "${global_setvar(live_owned=host)}"),
        ("${global_setvar(live_owned=user)}", "pbx.test"),
        ("5000%0A", "pbx.test"),
    ],
)
async def test_nothing_in_the_dialled_address_is_run(lab, admin, pbx, user, host):
    admin.group(members=("1001",))
    lab.behave("1001", answer_after=0.2, hangup_after=0.2)
    caller = lab.caller("5000")
    caller.dialled = f"sip:{user}@{host}"
    caller.dial()
    await caller.result(10)
    assert pbx.api("global_getvar live_owned").strip() in ("", "-ERR no reply")
