"""The office's morning as data: what the demo promises to show is in it."""

from __future__ import annotations

from fshunt.simulator.scenarios.office import AGENTS, CALLS, PHONES, RING_SECONDS


def test_the_morning_has_a_dozen_calls_of_different_fates() -> None:
    assert len(CALLS) == 12
    assert {kind for kind, _ in (call.expect for call in CALLS)} == {"answered", "abandoned", "voicemail"}
    codes = {does.reject for call in CALLS for phones in call.phones.values() for does in phones}
    assert {486, 603} <= codes
    assert any(call.with_previous for call in CALLS)
    assert any(phones == () for call in CALLS for phones in call.phones.values())


def test_every_agent_gets_a_call_and_every_phone_is_described() -> None:
    assert {who for kind, who in (call.expect for call in CALLS) if kind == "answered"} == set(AGENTS)
    for call in CALLS:
        assert set(call.phones) <= set(AGENTS)
        assert all(len(phones) in (0, PHONES[agent]) for agent, phones in call.phones.items())


def test_every_answer_is_within_the_ring_time() -> None:
    for call in CALLS:
        kind, who = call.expect
        if kind == "answered":
            assert any(does.answer_after is not None and does.answer_after < RING_SECONDS for does in call.phones[who])


def test_each_call_has_a_title_and_a_text_of_its_own() -> None:
    assert len({call.title for call in CALLS}) == len({call.tell for call in CALLS}) == len(CALLS)
