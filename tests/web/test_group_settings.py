"""The settings of a group on its page: one form, all or nothing, and nothing typed is lost."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import pytest

from fshunt.db.engine import Store
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.group import Group
from fshunt.hunting.group_fields import GROUP_FIELDS, columns_of
from fshunt.hunting.ringtime import RingTime
from fshunt.services import audit, groups
from fshunt.services.switch_checks import Checked, Question
from fshunt.web.field_words import FIELDS
from fshunt.web.group_form import HOW_IT_RINGS, NOT_HERE, THE_GROUP, WHEN_NOBODY
from fshunt.web.pages import group_settings
from tests.web.group_forms import PAGE, SETTINGS, followed, form_of, forms_of, save
from tests.web.people import ADMIN, DOMAIN, OTHER_PILOT, PILOT, PROVIDER, Browser


def stored(store: Store, pilot: str = PILOT) -> Group:
    with store.reading() as s:
        return groups.get_group(s, DOMAIN, pilot)


def changes(store: Store) -> list[audit.Change]:
    with store.reading() as s:
        return audit.history(s, domain=DOMAIN, pilot=PILOT)


def test_each_column_of_a_group_stands_in_the_form_or_is_named_as_elsewhere() -> None:
    assert sorted((*HOW_IT_RINGS, *WHEN_NOBODY, *THE_GROUP, *NOT_HERE)) == sorted(GROUP_FIELDS)
    assert set(GROUP_FIELDS) <= set(FIELDS)


def test_the_form_as_it_is_shown_changes_nothing(provider: Browser, office: Store) -> None:
    before = stored(office)
    assert save(provider).status_code == 303
    assert stored(office) == before
    assert "nothing had to be changed" in followed(provider).text


def test_all_settings_are_saved_as_one_change(provider: Browser, office: Store) -> None:
    typed = {
        "policy": "weighted",
        "rings": "7",
        "cycles": "2",
        "hunt_timeout": "90.5",
        "call_waiting": "true",
        "when_busy": "queue",
        "answer_first": "true",
        "wrap_up_seconds": "20",
        "auto_block": "3",
        "prefix": "Sales",
        "music": "local_stream://moh",
        "voicemail": "1002",
        "destinations": "each",
        "on_no_answer": "voicemail",
        "on_no_answer_to": "1001",
        "on_busy": "transfer",
        "on_busy_to": "6000",
        "on_unreachable": "hangup",
        "on_unreachable_to": "USER_BUSY",
        "on_closed": "box",
        "name": "Verkauf Süd",
        "enabled": "false",
        "transfer_context": "public",
        "caller_id_number": "+4930123456",
    }
    before = len(changes(office))
    assert save(provider, **typed).status_code == 303
    columns = columns_of(stored(office))
    assert columns["on_no_answer"] == "voicemail:1001"
    assert (columns["rings"], columns["ring_seconds"], columns["hunt_timeout"]) == (7, None, 90.5)
    same = {"policy", "when_busy", "prefix", "music", "voicemail", "name", "transfer_context", "caller_id_number"}
    assert {name: columns[name] for name in same} == {name: typed[name] for name in same}
    assert (columns["call_waiting"], columns["answer_first"], columns["enabled"]) == (True, True, False)
    assert (columns["on_busy"], columns["on_unreachable"]) == ("transfer:6000", "hangup:USER_BUSY")
    assert len(changes(office)) == before + 1
    told = followed(provider).text
    assert "Holds for the next call." in told
    assert "Settings changed" in told


class _Answers:
    """The switches, of which a daemon says that they have no other box than 1001."""

    def __init__(self, _store: Store) -> None:
        pass

    def check(self, questions: Sequence[Question]) -> list[Checked]:
        found = [question.arguments[0] == "1001" for question in questions]
        return [Checked(Answer.FOUND if each else Answer.NOT_FOUND, "no such user") for each in found]


def test_a_box_that_the_switches_do_not_have_is_saved_only_if_one_says_so(
    admin: Browser, office: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_settings, "Questions", _Answers)
    page = save(admin, voicemail="1009", destinations="same", on_all="voicemail", on_all_to="1008")
    assert page.status_code == 422
    for box in ("1008", "1009"):
        assert page.text.count(f"Voicemail box {box} of {DOMAIN}: not found (no such user).") == 1
    assert stored(office).voicemail == "1001"
    assert admin.send(SETTINGS, {**form_of(page), "anyway": "yes"}).status_code == 303
    assert (stored(office).voicemail, str(stored(office).on_busy)) == ("1009", "voicemail:1008")
    assert save(admin, cycles="2").status_code == 303, "what is there already is not asked for again"
    assert save(admin, voicemail="1001").status_code == 303


def test_one_destination_holds_for_all_three_cases(admin: Browser, office: Store) -> None:
    save(admin, destinations="same", on_all="transfer", on_all_to="6000")
    where = parse_destination("transfer:6000")
    group = stored(office)
    assert (group.on_no_answer, group.on_busy, group.on_unreachable) == (where, where, where)
    assert group.on_closed == parse_destination("voicemail")


def test_a_ring_time_may_be_in_seconds(admin: Browser, office: Store) -> None:
    save(admin, rings="seconds", ring_seconds="25")
    assert stored(office).ring_time == RingTime(seconds=25.0)
    save(admin, rings="5")
    assert stored(office).ring_time == RingTime(rings=5)


WRONG = {
    "policy": "lottery",
    "rings": "999",
    "cycles": "0",
    "hunt_timeout": "soon",
    "wrap_up_seconds": "-1",
    "when_busy": "shout",
    "auto_block": "many",
    "prefix": "Sales: ",
    "music": "http://elsewhere/",
    "voicemail": "10 01",
    "destinations": "each",
    "on_no_answer": "teleport",
    "on_no_answer_to": "mars",
    "on_busy": "transfer",
    "on_busy_to": PILOT,
    "on_unreachable": "hangup",
    "on_unreachable_to": "USER_BUSSY",
    "on_closed": "voicemail",
    "on_closed_to": "",
    "name": 'a "<b>"',
}
SAID = (
    "&#39;lottery&#39; is not a policy",
    "must be from 1 to 100, not 999.",
    "must be from 1 to 100, not 0.",
    "&#39;soon&#39; is not a number of seconds.",
    "must be from 0 to 3600, not -1.",
    "must be one of overflow, queue, not &#39;shout&#39;.",
    "&#39;many&#39; is not a whole number.",
    "&#39;:&#39; is not allowed in it.",
    "is not a music source",
    "&#39;10 01&#39; is not an extension",
    "&#39;teleport:mars&#39; is not a destination",
    f"{PILOT} cannot transfer to {PILOT}",
    "did you mean USER_BUSY?",
    "&#39;&#39; is not an extension",
    "is not a name",
)


def test_with_every_field_wrong_each_has_its_sentence_and_nothing_is_lost(admin: Browser, office: Store) -> None:
    before, history = stored(office), len(changes(office))
    page = save(admin, **WRONG)
    assert page.status_code == 422
    for sentence in SAID:
        assert sentence in page.text
    assert page.text.count('class="field-error"') == len(SAID)
    typed = form_of(page)
    kept = {name: typed[name][-1] for name in WRONG if name != "policy"}
    assert kept == {name: text.strip() for name, text in WRONG.items() if name != "policy"}
    assert "<b>" not in page.text
    assert (stored(office), len(changes(office))) == (before, history)


def test_what_was_typed_besides_a_wrong_field_is_kept_and_saved_the_next_time(admin: Browser, office: Store) -> None:
    page = save(admin, cycles="0", prefix="Kept", name="Kept, too")
    assert stored(office).prefix is None
    again = form_of(page)
    assert (again["prefix"], again["name"]) == (["Kept"], ["Kept, too"])
    assert admin.send(SETTINGS, {**again, "cycles": "3", "name": "Kept"}).status_code == 303
    assert (stored(office).prefix, stored(office).cycles) == ("Kept", 3)


@pytest.mark.parametrize(
    "typed", [{"cycles": "9" * 400}, {"cycles": "9" * 5000}, {"music": "x" * 5000}, {"hunt_timeout": "nan"}]
)
def test_a_value_of_no_measure_is_refused(admin: Browser, office: Store, typed: dict[str, str]) -> None:
    before = stored(office)
    assert save(admin, **typed).status_code == 422
    assert stored(office) == before


def test_without_any_ring_time_the_form_is_refused(admin: Browser) -> None:
    page = save(admin, rings="")
    assert page.status_code == 422
    assert "A ring time needs either rings or seconds" in page.text


def test_what_the_role_may_not_change_is_ignored(admin: Browser, office: Store) -> None:
    assert "transfer_context" not in admin.get(PAGE).text
    forged = {"pilot": "7777", "transfer_context": "public", "caller_id_number": "123456", "domain": "other.test"}
    assert save(admin, **forged, unknown="x", name="Mine").status_code == 303
    group = stored(office)
    assert (group.name, group.pilot, group.transfer_context, group.caller_id_number) == ("Mine", PILOT, None, None)


def test_a_field_that_was_not_sent_stays_as_it_is(provider: Browser, office: Store) -> None:
    save(provider, prefix="Sales", call_waiting="true")
    assert provider.send(SETTINGS, {"cycles": "4"}).status_code == 303
    group = stored(office)
    assert (group.prefix, group.call_waiting, group.cycles) == ("Sales", True, 4)


def test_the_group_of_another_is_not_there_to_be_changed(admin: Browser, member: Browser, office: Store) -> None:
    hidden = f"/groups/{DOMAIN}/{OTHER_PILOT}/settings"
    admin.get(PAGE)
    assert admin.send(hidden, {"name": "Taken"}).status_code == 404
    member.get("/me")
    assert member.send(SETTINGS, {"name": "Taken"}).status_code == 404
    assert {stored(office).name, stored(office, OTHER_PILOT).name} == {"Sales", "Hidden"}


def test_a_forged_form_changes_nothing(admin: Browser, office: Store) -> None:
    admin.get(PAGE)
    admin.token = "forged"
    assert admin.send(SETTINGS, {"name": "Taken"}).status_code == 400
    assert stored(office).name == "Sales"


def test_every_form_of_the_page_has_a_token(provider: Browser) -> None:
    forms = forms_of(provider.get(PAGE))
    assert len(forms) > 10
    assert all("csrf_token" in fields for _, fields in forms)


def test_of_two_editors_the_second_sees_both_values_and_chooses(
    provider: Browser, admin: Browser, office: Store
) -> None:
    mine = form_of(admin.get(PAGE))
    save(provider, name="Theirs", cycles="5", prefix="Both", music="local_stream://moh")
    page = admin.send(SETTINGS, {**mine, "name": "Mine", "wrap_up_seconds": "30", "prefix": "Both"})
    assert page.status_code == 409
    assert "Nothing of yours is lost" in page.text
    assert html.unescape(page.text).count(PROVIDER) >= 1, "it says who has saved"
    for value in ("Mine", "Theirs"):
        assert f"<strong>{value}" in page.text.replace("<strong>\n", "<strong>")
    assert (stored(office).name, stored(office).wrap_up_seconds) == ("Theirs", 0.0)
    both = form_of(page)
    proposed = {name: both[name] for name in both if name.startswith("pick_")}
    assert proposed == {
        "pick_name": ["mine"],
        "pick_wrap_up_seconds": ["mine"],
        "pick_cycles": ["theirs"],
        "pick_music": ["theirs"],
    }
    assert admin.send(SETTINGS, {**both, "pick_name": "theirs"}).status_code == 303
    group = stored(office)
    assert (group.name, group.wrap_up_seconds, group.cycles, group.prefix) == ("Theirs", 30.0, 5, "Both")
    assert group.music == "local_stream://moh"


def test_a_third_who_saves_while_the_second_chooses_is_seen_too(
    provider: Browser, admin: Browser, office: Store
) -> None:
    mine = form_of(admin.get(PAGE))
    save(provider, cycles="5")
    both = form_of(admin.send(SETTINGS, {**mine, "cycles": "6"}))
    save(provider, cycles="7")
    again = admin.send(SETTINGS, both)
    assert again.status_code == 409
    assert form_of(again)["cycles"] == ["6"]
    assert stored(office).cycles == 7


def test_two_who_want_the_same_are_not_asked(provider: Browser, admin: Browser, office: Store) -> None:
    mine = form_of(admin.get(PAGE))
    save(provider, cycles="5")
    assert admin.send(SETTINGS, {**mine, "cycles": "5"}).status_code == 303


@pytest.mark.parametrize("base", ["", "[]", "no json", "[" * 9000, '{"cycles": []}'])
def test_what_a_form_claims_to_be_made_of_decides_nothing(
    provider: Browser, admin: Browser, office: Store, base: str
) -> None:
    mine: dict[str, Any] = form_of(admin.get(PAGE))
    save(provider, cycles="5")
    assert admin.send(SETTINGS, {**mine, "cycles": "6", "base": base}).status_code == 409
    assert stored(office).cycles == 5


def test_a_second_click_changes_nothing_more(admin: Browser, office: Store) -> None:
    form = {**form_of(admin.get(PAGE)), "cycles": "5"}
    before = len(changes(office))
    assert admin.send(SETTINGS, form).status_code == 303
    assert admin.send(SETTINGS, form).status_code == 303
    assert len(changes(office)) == before + 1


def test_undo_takes_a_save_back_and_can_be_undone(admin: Browser, office: Store) -> None:
    save(admin, cycles="5")
    page = followed(admin)
    undo = form_button(page.text, "Settings changed")
    assert admin.send(f"{PAGE}/undo", {"change": undo}).status_code == 303
    assert stored(office).cycles == 1
    told = followed(admin).text
    assert "Undone: Settings changed" in told
    assert admin.send(f"{PAGE}/undo", {"change": form_button(told, "Undone: Settings changed")}).status_code == 303
    assert stored(office).cycles == 5


def test_an_undo_that_somebody_has_overtaken_is_refused_with_both_values(
    provider: Browser, admin: Browser, office: Store
) -> None:
    save(admin, cycles="5")
    undo = form_button(followed(admin).text, "Settings changed")
    save(provider, cycles="9")
    refused = admin.send(f"{PAGE}/undo", {"change": undo})
    assert refused.status_code == 409
    assert "Times through the list was set to 5 and is 9 now" in refused.text
    german = admin.send(f"{PAGE}/undo", {"change": undo}, **{"Accept-Language": "de"})
    assert "Durchgänge wurde auf 5 gesetzt und ist jetzt 9" in german.text
    assert stored(office).cycles == 9


def test_a_second_click_on_undo_does_nothing_more(admin: Browser, office: Store) -> None:
    save(admin, cycles="5")
    undo = form_button(followed(admin).text, "Settings changed")
    first = admin.send(f"{PAGE}/undo", {"change": undo}).location
    assert admin.send(f"{PAGE}/undo", {"change": undo}).location == first
    assert stored(office).cycles == 1


def test_nobody_undoes_what_they_may_not_see_or_do(provider: Browser, admin: Browser, office: Store) -> None:
    with office.writing() as s:
        groups.set_group(s, DOMAIN, OTHER_PILOT, name="Hidden, too".replace(",", ""))
        hidden = audit.last_change_id(s)
    with office.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, transfer_context="public")
        not_theirs = audit.last_change_id(s)
    admin.get(PAGE)
    assert admin.send(f"{PAGE}/undo", {"change": str(hidden)}).status_code == 404
    assert admin.send(f"{PAGE}/undo", {"change": str(not_theirs)}).status_code == 403
    for number in ("", "-1", "x", "9" * 400, "²"):
        assert admin.send(f"{PAGE}/undo", {"change": number}).status_code == 404
    assert stored(office).transfer_context == "public"
    assert f'value="{not_theirs}"' not in admin.get(PAGE).text, "no button for what they may not undo"


def test_a_page_tells_of_no_change_of_somebody_else(provider: Browser, admin: Browser, office: Store) -> None:
    save(provider, cycles="5")
    change = followed(provider).request.args["change"]
    for number in (change, "x", "9" * 400, "0"):
        assert "Holds for the next call.</p>" not in admin.get(f"{PAGE}?change={number}").text.replace("\n", "")


def test_the_texts_of_the_form_are_in_the_readers_language(admin: Browser) -> None:
    page = save(admin, cycles="0").text
    german = admin.send(SETTINGS, {"cycles": "0"}, **{"Accept-Language": "de"}).text
    assert "Times through the list must be from 1 to 100, not 0." in html.unescape(page)
    assert "Durchgänge: von 1 bis 100, nicht 0." in html.unescape(german)


def form_button(page: str, what: str) -> str:
    """The number of the change that the first Undo with this name takes back."""
    before, _, _ = page.partition(f'aria-label="Undo: {what}"')
    return before.rpartition('value="')[2].partition('"')[0]


def test_the_history_says_who_changed_what(admin: Browser) -> None:
    save(admin, policy="circular", rings="5")
    page = html.unescape(admin.get(PAGE).text)
    assert f"{ADMIN}, on these pages" in page
    for value in (
        "<del>In order</del>",
        "<ins>Circular</ins>",
        "<del>3 rings (18 s)</del>",
        "<ins>5 rings (30 s)</ins>",
    ):
        assert value in page
