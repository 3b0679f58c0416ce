"""The pages of the web interface, by the application's own routes, and states of them that a route alone does not show.

A new page is taken in by itself. A route with a new part in its path needs a value in ``Values``, and one that answers
something other than a page its name in ``NO_PAGES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page

from fshunt.db.engine import open_store
from fshunt.db.queries import calls
from fshunt.hunting.ringtime import RingTime
from fshunt.hunting.states import Result
from fshunt.services import accounts, boards, passwords
from fshunt.services.one_time_codes import code_at, new_totp_secret, step_at
from fshunt.services.users import Role
from fshunt.settings import Settings
from fshunt.simulator.scenarios.workday import DOMAIN, SALES
from fshunt.web.app import make_app
from fshunt.web.database_state import DatabaseState
from tests.browser.chromium import People
from tests.browser.office import Office

NO_PAGES = {
    "static",
    "health.healthz",
    "groups.group_now",
    "queue.queue_now",
    "group_members.search",
    "new_group.look_at_pilot",
    "report.table",
    "boards.board_events",
}
"""Routes that answer files, or a part of a page."""

LEADS_ELSEWHERE = {"session.code_page", "account.end_codes", "account.recovery"}
"""Pages for people who use one-time codes: they are among the states."""

SIGNED_OUT = ("session", "invitation")
ON_A_WALL = ("boards.board",)
PROVIDERS = ("users", "tokens", "audit", "system", "new_group")
"""Blueprints of pages that only a provider has."""

WITH_CODES, PASSWORD = "tina", "rbf7z-mxn3q-2kdw8"


@dataclass(frozen=True)
class Shown:
    """A page, or a state of one, and how a browser comes there."""

    name: str
    open: Callable[[People, dict[str, Any]], Page]
    on_a_wall: bool = False
    """Nobody signs in, and nothing on it takes the focus."""


def routes() -> Iterator[tuple[str, str]]:
    """Yield endpoint and rule of all pages."""
    url = "sqlite:////no/such/database"
    store = open_store(url)
    app = make_app(Settings(database_url=url), store, DatabaseState(url))
    store.close()
    for rule in app.url_map.iter_rules():
        is_page = "GET" in (rule.methods or ()) and not rule.rule.startswith("/api/")
        if is_page and rule.endpoint not in NO_PAGES | LEADS_ELSEWHERE:
            yield rule.endpoint, rule.rule


def role_of(endpoint: str) -> str | None:
    """Return whose page it is."""
    blueprint = endpoint.partition(".")[0]
    if blueprint in SIGNED_OUT or endpoint in ON_A_WALL:
        return None
    return "member" if blueprint == "me" else "provider" if blueprint in PROVIDERS else "admin"


class Values:
    """What stands in the parts of a path; made when it is asked for."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def path(self, rule: str) -> str:
        """Return a path that leads somewhere in the office."""
        for part, value in (("domain", DOMAIN), ("pilot", SALES)):
            rule = rule.replace(f"<{part}>", value)
        if "<call_id>" in rule:
            rule = rule.replace("<call_id>", self._call_id())
        if rule == boards.PATH + "<secret>":
            rule = self.office.board(SALES)
        if "<secret>" in rule:
            rule = rule.replace("<secret>", self._invitation())
        assert "<" not in rule, f"tests/browser/pages.py has no value for {rule}"
        return rule

    def _call_id(self) -> str:
        """Return a call that several members rang for before one took it, and talked long."""
        with self.office.store.reading() as s:
            found = [each for each in calls.list_calls(s, DOMAIN, SALES, limit=300) if each.result == Result.ANSWERED]
            return max(found, key=lambda each: (each.answered_at or each.started_at) - each.started_at).id

    def _invitation(self) -> str:
        with self.office.store.writing() as s:
            name = f"new{datetime.now(UTC):%H%M%S%f}"
            accounts.add_user(s, name, Role.ADMIN)
            return accounts.invite(s, name).secret


def of_route(endpoint: str, rule: str) -> Shown:
    """Return the page of a route."""

    def open_it(people: People, options: dict[str, Any]) -> Page:
        page = people.page(role_of(endpoint), **options)
        answer = page.goto(Values(people.office).path(rule))
        assert answer is not None
        assert answer.status == 200, f"{endpoint} answers {answer.status} to {role_of(endpoint)}"
        return page

    return Shown(endpoint.replace(".", "-"), open_it, endpoint in ON_A_WALL)


def sign_in_refused(people: People, options: dict[str, Any]) -> Page:
    page = people.page(None, **options)
    page.goto("/sign-in")
    page.get_by_label("Name").fill("nobody")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    page.locator(".note.bad, .field-error").first.wait_for()
    return page


def form_kept(people: People, options: dict[str, Any]) -> Page:
    """A session that ended while somebody typed."""
    page = of_group(people, options)
    page.get_by_label("Name of the group").fill("Sales and more")
    page.context.clear_cookies(name="__Host-fshunt")
    page.get_by_role("button", name="Save settings").click()
    page.get_by_text("Your session has ended").wait_for()
    return page


def form_brought_back(people: People, options: dict[str, Any]) -> Page:
    page = form_kept(people, options)
    people.sign_in(page, "admin")
    return page


def not_there(people: People, options: dict[str, Any]) -> Page:
    page = people.page("admin", **options)
    page.goto(f"/groups/{DOMAIN}/5999")
    return page


def of_group(people: People, options: dict[str, Any], pilot: str = SALES, role: str = "admin") -> Page:
    page = people.page(role, **options)
    page.goto(f"/groups/{DOMAIN}/{pilot}")
    return page


def group_without_members(people: People, options: dict[str, Any]) -> Page:
    return of_group(people, options, people.office.group())


def group_saved(people: People, options: dict[str, Any]) -> Page:
    page = of_group(people, options, people.office.group("1001", "1003"))
    page.get_by_role("button", name="Move 1003 up").click()
    page.get_by_text("Holds for the next call").first.wait_for()
    return page


def group_refused(people: People, options: dict[str, Any]) -> Page:
    page = of_group(people, options, people.office.group("1001", "1003"))
    page.locator("#cycles").fill("0")
    page.locator("#wrap_up_seconds").fill("long")
    page.locator("#voicemail").fill("no box")
    page.locator("#prefix").fill("prefix" * 20)  # a word as long as the sentence beside it
    page.get_by_role("button", name="Save settings").click()
    page.get_by_role("alert").first.wait_for()
    return page


def group_weighted_open(people: People, options: dict[str, Any]) -> Page:
    page = of_group(people, options, people.office.group("1001", "1003", policy="weighted"))
    page.locator(".member summary").first.click()
    return page


def both_editors(people: People, options: dict[str, Any]) -> Page:
    pilot = people.office.group("1001", "1003")
    mine, theirs = of_group(people, options, pilot), of_group(people, {}, pilot, "provider")
    theirs.locator("#cycles").fill("3")
    theirs.get_by_role("button", name="Save settings").click()
    theirs.get_by_text("Holds for the next call").first.wait_for()
    mine.locator("#cycles").fill("2")
    mine.locator("#wrap_up_seconds").fill("7")
    mine.get_by_role("button", name="Save settings").click()
    mine.get_by_text("Somebody else has saved, too").first.wait_for()
    return mine


def of_tab(people: People, options: dict[str, Any], tab: str, role: str = "admin", pilot: str = SALES) -> Page:
    page = people.page(role, **options)
    page.goto(f"/groups/{DOMAIN}/{pilot}/{tab}")
    return page


def group_closed(people: People, options: dict[str, Any]) -> Page:
    page = of_group(people, options, people.office.group("1001", "1003"))
    page.get_by_role("switch", name="Group closed").click()
    page.locator(".switch-panel.closed").wait_for()
    return page


def member_suggestions(people: People, options: dict[str, Any]) -> Page:
    """The list below the field, with its first choice marked."""
    page = of_group(people, options, people.office.group("1001", "1003"))
    page.locator("#add-member").press_sequentially("11")
    page.locator("#add-member-list").get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    return page


def member_matches(people: People, options: dict[str, Any]) -> Page:
    """A text that may mean several people, sent as it is."""
    page = of_group(people, options, people.office.group("1001", "1003"))
    page.locator("#add-member").fill("110")
    page.locator("#add").get_by_role("button", name="Add", exact=True).click()
    page.locator("#matches").wait_for()
    return page


def member_invited(people: People, options: dict[str, Any]) -> Page:
    page = of_group(people, options, people.office.group("1001", "1003"))
    page.locator("[data-extension='1003'] summary").click()
    page.locator("[data-extension='1003'] .side-actions form[action$='invite'] button").click()
    page.locator(".once").wait_for()
    return page


def hours_of_the_week(people: People, options: dict[str, Any]) -> Page:
    """Hours and a holiday, as they are after a save."""
    page = of_tab(people, options, "hours", pilot=people.office.group("1001"))
    for day in ("mon", "tue", "wed", "thu", "fri"):
        page.locator(f"#{day}").fill("08:00-12:00, 13:00-17:00")
    page.locator("#time_zone").select_option("Europe/Rome")
    page.get_by_role("button", name="Save the hours").click()
    page.locator(".told").wait_for()
    page.locator("#holiday-name").fill("New Year")
    page.locator("#holiday-first").fill(f"{datetime.now(UTC).year + 1}-01-01")
    page.get_by_role("button", name="Add the holiday").click()
    page.locator("#holidays .rows").wait_for()
    return page


def hours_refused(people: People, options: dict[str, Any]) -> Page:
    page = of_tab(people, options, "hours", pilot=people.office.group("1001"))
    page.locator("#mon").fill("8 to 12")
    page.get_by_role("button", name="Save the hours").click()
    page.locator("#week .field-error").first.wait_for()
    return page


def limits_refused(people: People, options: dict[str, Any]) -> Page:
    page = of_tab(people, options, "administration", "provider", people.office.group("1001"))
    page.locator("#max_ring_seconds").fill("long")
    page.get_by_role("button", name="Save the limits").click()
    page.locator("#limits .field-error").first.wait_for()
    return page


def board_made(people: People, options: dict[str, Any]) -> Page:
    """The address of a new board, shown once, above those that there are."""
    page = of_tab(people, options, "boards", pilot=people.office.group("1001"))
    for name in ("Lobby", "Office upstairs"):
        page.get_by_label("Where it hangs").fill(name)
        page.get_by_role("button", name="Add", exact=True).click()
        page.locator(".once").get_by_text(name).wait_for()
    return page


def board_refused(people: People, options: dict[str, Any]) -> Page:
    page = of_tab(people, options, "boards", pilot=people.office.group("1001"))
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator(".field-error").first.wait_for()
    return page


def notices_made(people: People, options: dict[str, Any]) -> Page:
    """The secret of a new webhook, shown once, above a notice by mail."""
    page = of_tab(people, options, "notices", pilot=people.office.group("1001"))
    for to in ("receivables.of.the.whole.company@example.com", f"https://example.com/{'long-' * 20}hook"):
        page.get_by_label("Mail address").fill(to)
        page.get_by_role("button", name="Add", exact=True).click()
        page.locator("strong.long").get_by_text(to, exact=True).wait_for()
    return page


def queue_of_callers(people: People, options: dict[str, Any]) -> Page:
    """A caller who waits, and two who are called back later."""
    office = people.office
    pilot = office.group("1001", ring_time=RingTime(seconds=30), when_busy="queue", answer_first=True, callback=True)
    office.ask_back(pilot, "1005", "Ada Lovelace")
    office.ask_back(pilot, "+4915112345678", "A caller whose name is as long as phones send them at most")
    page = of_tab(people, options, "queue", pilot=pilot)
    callers = ExitStack()
    page.context.on("close", lambda _: callers.close())
    for phone in ("talks", "rings"):
        callers.enter_context(office.caller(pilot, x1001=phone))
    page.locator(".waiting li").first.wait_for()
    return page


def notices_refused(people: People, options: dict[str, Any]) -> Page:
    page = of_tab(people, options, "notices", pilot=people.office.group("1001"))
    page.get_by_label("Mail address").fill("nobody")
    page.get_by_label("Too many callers").check()
    page.get_by_label("When").select_option("digest")
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator(".field-error").first.wait_for()
    return page


def boards_none(people: People, options: dict[str, Any]) -> Page:
    return of_tab(people, options, "boards", pilot=people.office.group("1001"))


def on_a_wall(people: People, options: dict[str, Any], pilot: str) -> Page:
    page = people.page(**options)
    page.goto(people.office.board(pilot))
    return page


def board_without_members(people: People, options: dict[str, Any]) -> Page:
    return on_a_wall(people, options, people.office.group())


def board_in_german(people: People, options: dict[str, Any]) -> Page:
    return on_a_wall(people, options | {"locale": "de-DE"}, SALES)


def board_revoked(people: People, options: dict[str, Any]) -> Page:
    address = people.office.board(SALES)
    people.office.revoke_boards(SALES)
    page = people.page(**options)
    page.goto(address)
    return page


def member_off(people: People, options: dict[str, Any]) -> Page:
    page = people.page("member", **options)
    page.goto("/me")
    if page.get_by_role("switch", name="I take calls", exact=True).get_attribute("aria-checked") == "true":
        page.get_by_role("switch", name="I take calls", exact=True).click()
        page.locator(".switch-panel.off").wait_for()
    return page


def member_of_groups(people: People, options: dict[str, Any]) -> Page:
    """A member of several groups who is about to switch one off until a time, and mistypes it."""
    people.office.group("1002")
    page = people.page("member", **options)
    page.goto("/me")
    if page.get_by_role("switch", name="I take calls", exact=True).get_attribute("aria-checked") == "false":
        page.get_by_role("switch", name="I take calls", exact=True).click()
    last = page.locator("form.switch-in-group").last
    last.locator("summary").click()
    last.get_by_label("until a time").check()
    last.get_by_role("switch").click()
    page.locator(".rows .field-error").wait_for()
    return page


def user_invited(people: People, options: dict[str, Any]) -> Page:
    page = people.page("provider", **options)
    page.goto("/users")
    page.get_by_label("Name", exact=True).fill(f"eva{datetime.now(UTC):%H%M%S%f}")
    page.get_by_role("button", name="Add and invite").click()
    page.locator(".once").wait_for()
    return page


def new_group_refused(people: People, options: dict[str, Any]) -> Page:
    page = people.page("provider", **options)
    page.goto("/groups/new")
    page.get_by_label("Pilot").fill(SALES)
    page.get_by_label("Domain").fill(DOMAIN)
    page.get_by_role("button", name="Add the group").click()
    page.locator(".field-error").first.wait_for()
    return page


def at(role: str, path: str) -> Callable[[People, dict[str, Any]], Page]:
    def open_it(people: People, options: dict[str, Any]) -> Page:
        page = people.page(role, **options)
        page.goto(path)
        return page

    return open_it


def asked_for_code(people: People, options: dict[str, Any]) -> Page:
    """Somebody with one-time codes, whose password was right."""
    secret = new_totp_secret()
    name = f"{WITH_CODES}{datetime.now(UTC):%H%M%S%f}"
    with people.office.store.writing() as s:
        now = datetime.now(UTC)
        accounts.add_user(s, name, Role.ADMIN, password_hash=passwords.hash_password(PASSWORD))
        # The code of the step before is used up, so that the one of now is still good.
        accounts.enable_totp(s, name, secret, code_at(secret, step_at(now) - 1), now=now)
    page = people.page(None, **options)
    page.goto("/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("input.code").wait_for()
    people.secrets[page] = secret
    return page


def let_in_by_code(people: People, options: dict[str, Any], path: str) -> Page:
    page = asked_for_code(people, options)
    page.locator("input.code").fill(code_at(people.secrets[page], step_at(datetime.now(UTC))))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name=WITH_CODES).wait_for()
    page.goto(path)
    return page


def codes_turned_off(people: People, options: dict[str, Any]) -> Page:
    return let_in_by_code(people, options, "/account/one-time-codes/end")


def asked_for_recovery_code(people: People, options: dict[str, Any]) -> Page:
    page = asked_for_code(people, options)
    page.locator("summary").click()
    return page


def recovery_codes_shown(people: People, options: dict[str, Any]) -> Page:
    page = let_in_by_code(people, options, "/account/recovery-codes")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Make new ones").click()
    page.locator("code.secret").first.wait_for()
    return page


SALES_PATH = f"/groups/{DOMAIN}/{SALES}"
STATES = (
    Shown("sign-in-refused", sign_in_refused),
    Shown("sign-in-again", form_kept),
    Shown("sign-in-brought-back", form_brought_back),
    Shown("sign-in-code", asked_for_code),
    Shown("sign-in-recovery-code", asked_for_recovery_code),
    Shown("account-codes-off", codes_turned_off),
    Shown("account-recovery-codes", recovery_codes_shown),
    Shown("problem-404", not_there),
    Shown("groups-of-provider", at("provider", "/")),
    Shown("groups-none-found", at("admin", "/?q=nothing+like+it")),
    Shown("group-without-members", group_without_members),
    Shown("group-saved", group_saved),
    Shown("group-refused", group_refused),
    Shown("group-weighted-open", group_weighted_open),
    Shown("group-two-editors", both_editors),
    Shown("group-closed", group_closed),
    Shown("group-member-suggestions", member_suggestions),
    Shown("group-member-matches", member_matches),
    Shown("group-member-invited", member_invited),
    Shown("hours-of-the-week", hours_of_the_week),
    Shown("hours-refused", hours_refused),
    Shown("limits-refused", limits_refused),
    Shown("queue-of-callers", queue_of_callers),
    Shown("notices-made", notices_made),
    Shown("notices-refused", notices_refused),
    Shown("boards-made", board_made),
    Shown("boards-refused", board_refused),
    Shown("boards-none", boards_none),
    Shown("board-without-members", board_without_members, on_a_wall=True),
    Shown("board-in-german", board_in_german, on_a_wall=True),
    Shown("board-revoked", board_revoked, on_a_wall=True),
    Shown("group-of-provider", at("provider", SALES_PATH)),
    Shown("calls-none-found", at("admin", f"{SALES_PATH}/calls?caller=99999")),
    Shown("report-empty", at("admin", f"{SALES_PATH}/report?since=2020-01-01&until=2020-01-02")),
    Shown("me-groups-refused", member_of_groups),
    Shown("me-off", member_off),
    Shown("users-invited", user_invited),
    Shown("new-group-refused", new_group_refused),
)


def everything() -> list[Shown]:
    """Return all pages and states."""
    return [of_route(*each) for each in routes()] + list(STATES)


def in_german() -> list[Shown]:
    """Return the pages for people who have signed in, which a browser comes to by their address alone."""
    return [of_route(endpoint, rule) for endpoint, rule in routes() if role_of(endpoint) is not None]
