"""The queue of a group on its page: who waits now, and who is to be called back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from fshunt.db.engine import Store
from fshunt.db.queries import callbacks
from fshunt.freeswitch.phones import PhoneCall, PhoneState
from fshunt.hunting.callbacks import CallbackState
from fshunt.services import audit, groups
from fshunt.services.switch_phones import SeenPhones
from tests.web.calls import add_call
from tests.web.people import ADMIN, DOMAIN, OTHER_PILOT, PILOT, Browser
from tests.web.test_group_now import publish, text_of
from tests.web.waiting import RUN, ask_back, is_served, waits

PAGE = f"/groups/{DOMAIN}/{PILOT}/queue"
NOW = f"{PAGE}/now"
HIDDEN = f"/groups/{DOMAIN}/{OTHER_PILOT}/queue"


def talks(store: Store) -> None:
    """Have a daemon be alive that sees the members on calls."""
    since = datetime.now(UTC).timestamp()
    phones = SeenPhones(True, calls=(PhoneCall("", PhoneState.TALKING, since, "4155550100"),))
    publish(store, dict.fromkeys(("1001", "1002"), phones))


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def open_ids(store: Store) -> list[int]:
    with store.reading() as s:
        return [each.id for each in callbacks.open_requests(s)]


def test_who_waits_stands_in_order_with_number_and_time(admin: Browser, office: Store) -> None:
    talks(office)
    add_call(office, "h1", number="+4930111", name="Mia <b>")
    waits(office, "h1", at=ago(190))
    waits(office, "h2", at=ago(65))
    for page in (PAGE, NOW):
        answer = admin.get(page).text
        assert "Mia &lt;b&gt;" in answer
        said = text_of(answer)
        assert "Waiting now 2 callers wait in the queue" in said
        assert re.search(r"Position 1 1 \+4930111 Mia <b> waits for 3:1\d", said)
        assert re.search(r"Position 2 2 number not known waits for 1:0\d", said)


def test_a_call_in_the_place_of_a_caller_shows_that_caller(admin: Browser, office: Store) -> None:
    talks(office)
    asked = ask_back(office, "1005", ticket=7, at=ago(600))
    is_served(office, asked)
    waits(office, "in-place", ticket=7)
    said = text_of(admin.get(NOW).text)
    assert re.search(r"Position 1 1 1005 Ada to be called back waits for 10:0\d", said)


def test_who_waits_at_a_daemon_that_is_gone_is_not_shown(admin: Browser, office: Store) -> None:
    waits(office, "h1")
    assert "Nobody waits in the queue" in text_of(admin.get(PAGE).text)


def test_of_a_long_queue_the_first_are_named_and_all_are_counted(admin: Browser, office: Store) -> None:
    talks(office)
    for i in range(102):
        waits(office, f"h{i}")
    said = text_of(admin.get(NOW).text)
    assert "102 callers wait in the queue" in said
    assert said.count("waits for") == 100
    assert "2 more wait behind them." in said


def test_the_requests_stand_with_tries_and_state(admin: Browser, office: Store) -> None:
    with office.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, when_busy="queue", answer_first=True, callback=True)
    ask_back(office, "1005", ticket=5)
    is_served(office, ask_back(office, "1006", "Ben <i>", ticket=6))
    put_off = ask_back(office, "1007", "Cleo", ticket=7)
    with office.writing() as s:
        assert callbacks.begin(s, put_off.id, "a", run_id=RUN, switch="pbx")
        assert callbacks.dial(s, put_off.id, "a") is not None
        later = datetime.now(UTC) + timedelta(minutes=2)
        assert callbacks.put_back(s, put_off.id, "a", CallbackState.CALLING_CALLER, later)
    answer = admin.get(PAGE).text
    assert "Ben &lt;i&gt;" in answer
    rows = [text_of(row) for row in re.findall(r"<tr>(.*?)</tr>", answer.partition("<tbody>")[2], re.DOTALL)]
    assert [row.split()[0] for row in rows] == ["1005", "1006", "1007"]
    assert "0 of 2 waits" in rows[0]
    assert "0 of 2 a member is looked for" in rows[1]
    assert "1 of 2 tried again at" in rows[2]
    assert "keeps the place" in answer


def test_an_administrator_removes_a_request_also_by_two_clicks(admin: Browser, office: Store) -> None:
    asked = ask_back(office, "1005")
    admin.get(PAGE)
    sent = {"callback": str(asked.id)}
    first, second = (admin.send(f"{PAGE}/remove", sent).location for _ in range(2))
    assert "The request is removed: the caller is not called back." in admin.get(first).text
    assert "The request was removed already." in admin.get(second).text
    assert open_ids(office) == []
    with office.reading() as s:
        [change] = audit.history(s, domain=DOMAIN, subject=audit.Subject.CALLBACK)
    assert (change.actor, change.entrance, change.key, change.before) == (
        ADMIN,
        "page",
        str(asked.id),
        {"caller": "1005"},
    )
    assert f"Call back {asked.id} cancelled" in admin.get(f"/groups/{DOMAIN}/{PILOT}").text


def test_who_is_being_called_has_no_button_and_is_not_removed(admin: Browser, office: Store) -> None:
    asked = ask_back(office, "1005")
    admin.get(PAGE)
    is_served(office, asked, calls_caller=True)
    refused = admin.send(f"{PAGE}/remove", {"callback": str(asked.id)})
    assert refused.status_code == 409
    assert f"Callback {asked.id} is in progress: 1005 is being called, or talks." in refused.text
    assert "is being called, or talks" in admin.get(PAGE).text
    assert "Do not call 1005 back" not in admin.page.text
    assert open_ids(office) == [asked.id]


def test_a_request_that_has_ended_is_told_in_a_sentence(admin: Browser, office: Store) -> None:
    asked = ask_back(office, "1005")
    admin.get(PAGE)
    with office.writing() as s:
        callbacks.end_as_served(s, asked.group_id, "1005", internal=True, at=datetime.now(UTC))
    for sent in (str(asked.id), "", "x", "-1", "9" * 40):
        answer = admin.get(admin.send(f"{PAGE}/remove", {"callback": sent}).location)
        assert "There is no such request any more" in answer.text


def test_a_group_without_call_back_says_so(admin: Browser) -> None:
    page = admin.get(PAGE).text
    assert "Nobody has asked to be called back." in page
    assert "Callers of this group cannot ask to be called back" in page


def test_the_queue_of_another_group_is_not_there(admin: Browser, member: Browser, office: Store) -> None:
    hidden = ask_back(office, "1005", pilot=OTHER_PILOT)
    sent = {"callback": str(hidden.id)}
    for address in (HIDDEN, f"{HIDDEN}/now"):
        assert admin.get(address).status_code == 404
    for address in (PAGE, NOW):
        assert member.get(address).status_code == 404
    admin.get(PAGE)
    assert "1005" not in admin.page.text
    assert admin.send(f"{HIDDEN}/remove", sent).status_code == 404
    assert "There is no such request" in admin.get(admin.send(f"{PAGE}/remove", sent).location).text
    member.get("/me")
    assert member.send(f"{HIDDEN}/remove", sent).status_code == 404
    assert open_ids(office) == [hidden.id]
