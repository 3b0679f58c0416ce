"""`fshunt domain`: what is in each domain, and another name for one."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select

from fshunt.db.models import Base, CallRecord, LiveWatch
from fshunt.db.queries import calls, claims, domains
from fshunt.db.statements import table
from fshunt.hunting.states import Result
from fshunt.services import groups
from fshunt.services.domains import MAX_LOOKS

from .test_calls import open_call

pytestmark = pytest.mark.sql

OLD, NEW, OTHER = "pbx.test", "voice.test", "other.test"
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """What happens, one after the other, while the command waits after a renaming; and how often it has waited."""
    waiting: list[Callable[[], None]] = []
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if waiting:
            waiting.pop(0)()

    monkeypatch.setattr("fshunt.cli.domain.sleep", pause)
    return waiting, waited


@pytest.fixture
def full(office, store):
    """The office with hours, a block, a user and calls; and another domain with one group."""
    office.run("group", "hours", "5000", "mon-fri", "8-17", "--time-zone", "Europe/Rome")
    office.run("member", "block", "1002")
    office.run("user", "add", "ana", "--role", "member", "--member", f"1001@{OLD}", "--no-password")
    office.run("group", "add", "6000", "--domain", OTHER)
    with store.writing() as s:
        for number in range(7):
            call(s, f"h{number}", at=AT.replace(minute=number // 3))
        call(s, "elsewhere", domain=OTHER)
        s.execute(insert(LiveWatch).values(domain=OLD, pilot="5000", renewals=1))
    office.env.pop("FSHUNT_DEFAULT_DOMAIN")
    return office


def call(s, hunt: str, at: datetime = AT, domain: str = OLD, ends: bool = True) -> None:
    open_call(s, hunt, uuid=f"u-{hunt}", domain=domain, started_at=at)
    if ends:
        calls.close_call(s, hunt, result=Result.VOICEMAIL, reason=None, destination=None, ended_at=at)


def places_of(store, name: str) -> dict[str, int]:
    """In how many rows of which columns a domain stands, other than in the words of the history."""
    found = {}
    with store.reading() as s:
        for each in Base.metadata.sorted_tables:
            for column in each.c:
                if column.name in ("before", "after", "subject_key", "policy_input", "status", "arguments", "answer"):
                    continue
                many = sum(name == value for value in s.scalars(select(column)))
                if many:
                    found[f"{each.name}.{column.name}"] = many
    return found


def test_list_has_what_is_in_each(full):
    assert full.json("domain", "list") == [
        {"name": OTHER, "groups": 1, "members": 0, "calls": 1, "users": 0},
        {"name": OLD, "groups": 1, "members": 3, "calls": 7, "users": 1},
    ]
    titles, *rows = full.run("domain", "list").stdout.splitlines()
    assert titles.split() == ["domain", "groups", "members", "calls", "users"]
    assert rows[1].split() == [OLD, "1", "3", "7", "1"]
    assert full.run("domain", "list", "--format", "csv", "--domain", OTHER).stdout.splitlines()[1:] == [
        f"{OTHER},1,0,1,0"
    ]


def test_a_member_of_two_groups_counts_once(full):
    full.env["FSHUNT_SHARED_MEMBERS"] = OLD
    full.run("group", "add", "5001", "--domain", OLD)
    full.run("member", "add", "5001", "1001", "1009", "--domain", OLD)
    assert full.json("domain", "list", "--domain", OLD)[0]["members"] == 4


def test_many_calls_are_counted_up_to_a_number(full, monkeypatch):
    monkeypatch.setattr("fshunt.services.domains.MAX_COUNTED", 7)
    assert full.run("domain", "list").stdout.splitlines()[2].split() == [OLD, "1", "3", "7+", "1"]


def test_without_a_domain_the_list_says_how_to_add_one(fshunt):
    assert fshunt.run("domain", "list").stdout.startswith("No domains yet: `fshunt group add PILOT --domain D`")
    assert fshunt.json("domain", "list") == []


@pytest.mark.parametrize("slice_of", [1, 2, 3, 5000])
def test_rename_leaves_the_old_name_nowhere(full, store, monkeypatch, slice_of):
    monkeypatch.setattr(domains, "SLICE", slice_of)
    before, others = places_of(store, OLD), places_of(store, OTHER)
    assert {"domains.name", "calls.domain", "users.domain", "changes.domain"} <= set(before)
    full.run("domain", "rename", OLD, NEW, "--yes")
    assert places_of(store, OLD) == {}
    after = places_of(store, NEW)
    del before["live_watches.domain"]
    before.pop("announcements.domain", None)
    assert after == before | {"changes.domain": before["changes.domain"] + 1}
    assert places_of(store, OTHER) == others


def test_every_table_with_a_domain_is_thought_of():
    """A table that is new has to be renamed, or to be refused or forgotten; see ``db.queries.domains``."""
    known = {"calls", "users", "changes", *(each.name for each in (*domains.OF_CALLS_IN_PROGRESS, *domains.PASSING))}
    assert {each.name for each in Base.metadata.sorted_tables if "domain" in each.c} == known


def test_everything_is_found_under_the_new_name(full):
    before = full.json("group", "show", "5000", "--domain", OLD)
    renamed = full.json("domain", "rename", OLD, NEW, "--yes")
    assert renamed == {"name": NEW, "groups": 1, "members": 3, "calls": 7, "users": 1}
    assert full.json("group", "show", "5000", "--domain", NEW) == before | {"domain": NEW}
    assert len(full.json("call", "list", "5000", "--domain", NEW)) == 7
    assert [each["domain"] for each in full.json("user", "list")] == [NEW]
    assert "There is no domain pbx.test" in full.invoke("group", "show", "5000", "--domain", OLD).stderr


def test_changes_of_before_are_still_undone(full):
    full.run("group", "set", "5000", "--name", "Shop", "--domain", OLD)
    [change] = full.json("history", "5000", "--limit", "1", "--domain", OLD)
    full.run("domain", "rename", OLD, NEW, "--yes")
    full.run("undo", str(change["id"]))
    assert full.json("group", "show", "5000", "--domain", NEW)["name"] == "Sales"


def test_it_is_a_change_that_undo_refuses_with_the_way_back(full):
    full.run("domain", "rename", OLD, NEW, "--yes")
    [change] = full.json("history", "--limit", "1")
    assert (change["subject"], change["key"], change["domain"], change["action"]) == ("domain", NEW, NEW, "set")
    assert (change["before"], change["after"]) == ({"name": OLD}, {"name": NEW})
    assert f"domain {NEW} set " in full.run("history", "--limit", "1").stdout
    assert full.refused(2, "undo", str(change["id"])) == (
        f"Change {change['id']} cannot be undone: rename the domain back by `fshunt domain rename`."
    )
    full.run("domain", "rename", NEW, OLD, "--yes")
    assert full.json("domain", "list", "--domain", OLD)[0]["calls"] == 7


def test_what_else_has_the_old_name_is_said(full):
    full.env |= {"FSHUNT_DEFAULT_DOMAIN": OLD, "FSHUNT_SHARED_MEMBERS": f"{OTHER},{OLD}"}
    result = full.run("domain", "rename", OLD, NEW, "--yes")
    assert result.stdout == f"Renamed domain {OLD} to {NEW}, with 1 group, 3 members, 7 calls and 1 user.\n"
    directory, dialplan, own = result.stderr.splitlines()
    assert NEW in directory
    assert '`fs_cli -x "reloadxml"`' in directory
    assert "`fshunt dialplan --out FILE --reload`" in dialplan
    assert f"The settings of this host name {OLD} in `default_domain` and `shared_members`." in own
    assert "`systemctl restart fshunt-web`" in own
    full.env |= {"FSHUNT_DEFAULT_DOMAIN": OTHER, "FSHUNT_SHARED_MEMBERS": OTHER}
    assert "this host" not in full.run("domain", "rename", NEW, OLD, "--yes").stderr


def test_a_name_may_change_in_its_capitals(full, store):
    full.run("domain", "rename", OLD, "PBX.test", "--yes")
    assert places_of(store, OLD) == {}


def test_a_call_that_began_in_the_moment_of_the_renaming_is_taken_along(full, store, pauses):
    waiting, waited = pauses

    def begins(hunt: str) -> Callable[[], None]:
        def write() -> None:
            with store.writing() as s:
                call(s, hunt, at=AT.replace(hour=12), ends=False)

        return write

    waiting += [begins("late"), begins("later")]
    full.run("domain", "rename", OLD, NEW, "--yes")
    assert len(waited) == 3, "until none is found"
    assert places_of(store, OLD) == {}
    with store.writing() as s:
        calls.close_call(s, "late", result=Result.ANSWERED, reason=None, destination=None, ended_at=AT)
    assert {each["uuid"] for each in full.json("call", "list", "--domain", NEW)} >= {"u-late", "u-later"}


def test_calls_of_a_domain_that_was_made_anew_stay_there(full, store, pauses):
    def anew() -> None:
        with store.writing() as s:
            groups.add_group(s, OLD, "5000")
            call(s, "new", at=AT.replace(hour=12))

    pauses[0].append(anew)
    full.run("domain", "rename", OLD, NEW, "--yes")
    assert full.json("domain", "list", "--domain", OLD)[0]["calls"] == 1


def test_a_domain_that_is_busy_without_end_keeps_the_command_for_some_seconds_only(full, store, pauses):
    def begins(number: int) -> Callable[[], None]:
        def write() -> None:
            with store.writing() as s:
                call(s, f"n{number}", at=AT.replace(hour=12))

        return write

    pauses[0].extend(begins(number) for number in range(50))
    full.run("domain", "rename", OLD, NEW, "--yes")
    assert len(pauses[1]) == MAX_LOOKS


def test_a_claim_keeps_it_although_no_record_is_open(full, store):
    with store.writing() as s:
        claims.claim(s, OLD, ["1001"], sequence=1, hunt_id="h", call_uuid="c", run_id="run")
    assert "has a call in progress" in full.refused(1, "domain", "rename", OLD, NEW, "--yes")


def test_without_a_terminal_and_without_yes_nothing_is_renamed(full):
    sentence = full.refused(2, "domain", "rename", OLD, NEW)
    assert sentence.startswith(f"Domain {OLD} becomes {NEW}, with 1 group, 3 members, 7 calls and 1 user; FreeSWITCH ")
    assert sentence.endswith("Without a terminal nobody can be asked: add --yes to do it.")


@pytest.mark.parametrize(("answer", "name"), [("n", OLD), ("y", NEW)])
def test_at_a_terminal_it_asks_and_only_yes_renames(full, monkeypatch, answer, name):
    monkeypatch.setattr("fshunt.cli.confirm.at_terminal", lambda: True)
    full.invoke("domain", "rename", OLD, NEW, given=f"{answer}\n")
    assert [each["name"] for each in full.json("domain", "list")] == [OTHER, name]


REFUSED: list[tuple[Callable[[Any], None] | None, tuple[str, str], int, str]] = [
    (None, ("nowhere.test", NEW), 1, "There is no domain nowhere.test"),
    (None, ("pbx.tset", NEW), 1, "There is no domain pbx.tset: did you mean pbx.test?"),
    (None, (OLD, OLD), 1, f"{OLD} is named so already"),
    (None, (OLD, OTHER), 1, f"There is a domain {OTHER} already: two domains cannot become one."),
    (None, (OLD, "Other.TEST"), 1, f"There is a domain {OTHER} already"),
    (None, (OLD, "voice test"), 2, ""),
    (None, (OLD, ""), 2, ""),
    (lambda s: call(s, "now", ends=False), (OLD, NEW), 1, f"{OLD} has a call in progress: try again when no call is"),
]


@pytest.mark.parametrize(("given", "names", "code", "said"), REFUSED)
def test_what_cannot_be_is_refused_also_before_it_is_asked(full, store, given, names, code, said):
    if given is not None:
        with store.writing() as s:
            given(s)
    before = places_of(store, OLD), places_of(store, OTHER)
    for yes in ((), ("--yes",)):
        assert full.refused(code, "domain", "rename", *names, *yes).startswith(said)
    assert (places_of(store, OLD), places_of(store, OTHER)) == before


def test_a_call_in_progress_of_another_domain_keeps_nobody(full, store):
    with store.writing() as s:
        call(s, "now", domain=OTHER, ends=False)
    full.run("domain", "rename", OLD, NEW, "--yes")


def test_a_user_of_the_new_name_with_the_same_extension_keeps_it(full):
    full.run("user", "add", "eve", "--role", "member", "--member", f"1001@{NEW}", "--no-password")
    assert full.refused(1, "domain", "rename", OLD, NEW, "--yes") == (
        f"Extension 1001 has a user in {OLD}, and one in {NEW}: remove one with `fshunt user remove`."
    )


def test_more_calls_of_one_moment_than_a_slice_has_are_renamed(full, store, monkeypatch):
    monkeypatch.setattr(domains, "SLICE", 2)
    with store.writing() as s:
        for number in range(9):
            call(s, f"same{number}", at=AT.replace(hour=3))
    full.run("domain", "rename", OLD, NEW, "--yes")
    with store.reading() as s:
        assert set(s.scalars(select(table(CallRecord).c.domain))) == {NEW, OTHER}
