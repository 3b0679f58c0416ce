"""The plan of `fshunt setup`: what is done, what would be changed, and one sentence for each thing that is wrong."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fshunt.freeswitch.conf_files import params
from fshunt.freeswitch.fs_cli_conf import values_of
from fshunt.freeswitch.registrations import NoSofia
from fshunt.services.setup_facts import DaemonFacts, DatabaseFacts, Facts, FsCliFacts, LetInBy, Silence
from fshunt.services.setup_plan import plan
from fshunt.services.setup_steps import AddGroup, Do, Run, State, Step, Wishes, WriteFile

from .setup_facts import DOMAIN, NEW, OURS, WISHES, all_done, event_socket, group, switch, takes, without_switch


def step(name: str, facts: Facts, wishes: Wishes = WISHES) -> Step:
    return plan(facts, wishes)[name]


def written(made: Step) -> dict[Path, bytes]:
    return {action.path: action.content for action in made.actions if isinstance(action, WriteFile)}


def problem(name: str, facts: Facts, wishes: Wishes = WISHES) -> str:
    found = step(name, facts, wishes)
    assert found.state is State.PROBLEM
    assert found.what.endswith(".")
    return found.what


def test_where_all_is_done_only_the_test_call_is_left():
    states = {name: each.state for name, each in plan(all_done(), WISHES).items()}
    assert states.pop("test-call") is State.TO_DO
    assert set(states.values()) == {State.DONE}


def test_no_plan_shows_a_password():
    facts = all_done(socket=event_socket("ClueCon"), kept=None)
    assert not any(word in f"{plan(facts, WISHES)}{facts}{WISHES}" for word in (OURS, NEW, "ClueCon"))


def test_the_public_password_is_replaced():
    made = step("event-socket", all_done(socket=event_socket("ClueCon"), kept=None))
    ((_, content),) = written(made).items()
    assert params(content)["password"] == NEW


def test_an_interrupted_run_goes_on_with_the_password_that_it_has_written():
    made = step("event-socket", all_done(socket=event_socket("ClueCon"), kept=OURS))
    assert params(next(iter(written(made).values())))["password"] == OURS
    half = all_done(switch=switch("1001", let_in_by=LetInBy.SHIPPED))
    assert step("event-socket-reload", half).actions == (Do.RELOAD_XML, Do.RELOAD_EVENT_SOCKET)


@pytest.mark.parametrize(
    ("calls", "words"), [(0, "no call is up"), (1, "1 call is up"), (7, "7 calls are up"), (None, "it does not say")]
)
def test_what_could_cut_says_how_many_calls_are_up(calls, words, tmp_path):
    found = switch("1001", let_in_by=LetInBy.SHIPPED, calls=calls)
    assert words in step("event-socket-reload", all_done(tmp_path, switch=found)).change
    assert words in step("dialplan", all_done(tmp_path, switch=found)).change


def test_a_password_of_its_own_is_copied_into_our_file():
    for kept in (None, "another"):
        made = step("password-file", all_done(kept=kept))
        assert written(made) == {Path("/etc/fshunt/event_socket"): f"{OURS}\n".encode()}
        assert all(action.secret for action in made.actions)


def test_a_wrong_password_is_told_in_one_sentence():
    said = problem("freeswitch", all_done(switch=None, silence=Silence("It refuses.", wrong_password=True)))
    assert said.startswith("FreeSWITCH at 127.0.0.1:8021 refuses the password of /etc/freeswitch/event_socket.conf.xml")


def test_a_switch_that_does_not_run():
    said = problem(
        "freeswitch", all_done(switch=None, silence=Silence("FreeSWITCH at 127.0.0.1:8021 cannot be reached."))
    )
    assert said.startswith("FreeSWITCH at 127.0.0.1:8021 cannot be reached. Start it")


def test_a_switch_that_lets_nobody_in_from_here():
    silence = Silence("FreeSWITCH at 127.0.0.1:8021 does not let this address in: see x.", wrong_address=True)
    said = problem("freeswitch", all_done(switch=None, silence=silence))
    assert said.endswith("see x. Allow it, reload FreeSWITCH's event socket, and run `fshunt setup` again.")


def test_a_switch_that_reads_other_files(tmp_path):
    said = problem("freeswitch", all_done(switch=switch(conf=tmp_path)))
    assert said.endswith(f"reads its files from {tmp_path}, not from /etc/freeswitch: add `--conf {tmp_path}`.")


def test_the_settings_get_a_switch_at_their_end():
    facts = all_done(watched=None)
    facts = replace(facts, settings=without_switch(facts.settings))
    (new,) = written(step("settings", facts)).values()
    assert tomllib.loads(new.decode())["switch"] == [
        {"host": "127.0.0.1", "port": 8021, "password_file": "/etc/fshunt/event_socket"}
    ]
    before = b'max_calls = 5\n[[switch]]\nhost = "192.0.2.1"\npassword_file = "/a"'
    facts = replace(facts, settings=replace(facts.settings, content=before))
    made = step("settings", facts)
    (more,) = written(made).values()
    assert more.startswith(before)
    assert len(tomllib.loads(more.decode())["switch"]) == 2
    assert Run(("systemctl", "reload", "fshunt")) in made.actions, "a daemon that runs reads it"


def test_settings_that_take_no_further_table():
    facts = all_done(watched=None)
    facts = replace(facts, settings=replace(without_switch(facts.settings), content=b"switch = []\n"))
    assert "add the [[switch]] yourself" in problem("settings", facts)


def test_settings_that_cannot_be_read():
    facts = all_done()
    facts = replace(facts, settings=replace(facts.settings, loaded=None, problem="fshunt.toml: `x` is not a setting."))
    assert problem("settings", facts) == "fshunt.toml: `x` is not a setting."
    assert step("dialplan", facts).needs


def test_a_switch_that_only_the_environment_could_name():
    facts = all_done(watched=None)
    loaded = facts.settings.loaded
    assert loaded is not None
    loaded = replace(loaded, sources={**loaded.sources, "switch": "environment"})
    facts = replace(facts, settings=replace(facts.settings, loaded=loaded))
    assert problem("settings", facts).startswith("FSHUNT_SWITCH is set and lacks 127.0.0.1:8021=/etc/fshunt/event")


EMPTY = DatabaseFacts(True, "The database is up to date.")


def test_the_first_group_has_those_who_have_a_phone():
    phones = switch("1010", "1002", "1001", "1003", "1004", "1005", dialplan=takes("ivr_demo", "5000"))
    made = step("group", all_done(switch=phones, database=EMPTY))
    assert made.actions == (AddGroup(DOMAIN, "5001", ("1001", "1002", "1003", "1004", "1005")),)


def test_the_domain_is_that_of_most_phones_unless_one_is_named():
    phones = frozenset({("1001", "a.test"), ("1002", "b.test"), ("1003", "b.test")})
    facts = all_done(switch=switch(phones=phones), database=EMPTY)
    assert step("group", facts).actions == (AddGroup("b.test", "5000", ("1002", "1003")),)
    named = replace(WISHES, domain="a.test", pilot="6000")
    assert step("group", facts, named).actions == (AddGroup("a.test", "6000", ("1001",)),)
    wrong = replace(WISHES, domain="c.test", members=("1007",))
    assert problem("group", facts, wrong).startswith("No phone is registered in c.test (there are phones in a.test, b.")
    named = replace(named, members=("1007",))
    assert step("group", facts, named).actions == (AddGroup("a.test", "6000", ("1007",)),)


def test_without_a_phone_there_is_no_group():
    assert problem("group", all_done(switch=switch(), database=EMPTY)).startswith("No phone is registered: register")
    said = problem("group", all_done(database=EMPTY), replace(WISHES, domain="wrong.test"))
    assert said.startswith(f"No phone is registered in wrong.test (there are phones in {DOMAIN})")


DEMONSTRATION = takes("ivr_demo", "5000")
CATCH_ALL = takes("acknowledge_call", ".*")


def test_a_pilot_that_a_demonstration_takes_is_refused_before_there_is_a_group():
    facts = all_done(switch=switch("1001", dialplan=DEMONSTRATION + CATCH_ALL), database=EMPTY)
    said = problem("group", facts, replace(WISHES, pilot="5000"))
    assert said == (
        "Calls to 5000 are taken by extension ivr_demo of FreeSWITCH's dialplan, context default: use another number, "
        "for example `--pilot 5001`."
    )
    assert step("group", facts).actions == (AddGroup(DOMAIN, "5001", ("1001",)),), "our file stands before catch-all"


def test_a_pilot_that_a_demonstration_takes_is_told_of_a_group(tmp_path):
    facts = all_done(tmp_path, switch=switch("1001", dialplan=DEMONSTRATION))
    assert problem("dialplan", facts).startswith("Calls to 5000 are taken by extension ivr_demo of FreeSWITCH's")


def test_the_dialplan_is_written_and_loaded(tmp_path):
    facts = all_done(tmp_path, switch=switch("1001", dialplan=CATCH_ALL))
    made = step("dialplan", facts)
    content = written(made)[tmp_path / "00_fshunt.xml"]
    assert b"fshunt-pbx.test-5000" in content
    assert made.actions[-1] is Do.RELOAD_XML
    same = replace(facts, dialplan=replace(facts.dialplan, content=content), switch=switch("1001"))
    assert step("dialplan", same).actions == (Do.RELOAD_XML,), "it is written, and not loaded"
    loaded = replace(same, switch=switch("1001", dialplan=takes("fshunt", "5000", "socket")))
    assert step("dialplan", loaded).state is State.DONE
    grown = replace(loaded, database=replace(loaded.database, groups=(group("1001"), group("1002", pilot="5001"))))
    assert step("dialplan", grown).state is State.TO_DO


def test_a_context_without_a_folder():
    facts = all_done(Path("/nowhere"), switch=switch("1001"))
    facts = replace(facts, dialplan=replace(facts.dialplan, has_folder=False))
    assert problem("dialplan", facts).startswith("There is no folder /nowhere for the dialplan")


def test_a_context_that_does_not_include_its_folder(tmp_path):
    facts = all_done(tmp_path, switch=switch("1001"))
    facts = replace(facts, dialplan=replace(facts.dialplan, context_file=Path("/etc/freeswitch/dialplan/default.xml")))
    said = problem("dialplan", facts)
    assert said.endswith('add <X-PRE-PROCESS cmd="include" data="default/*.xml"/> to the context.')


def test_a_table_of_pilots_is_used_where_there_is_one(tmp_path):
    facts = all_done(tmp_path, switch=switch("1001", dialplan=CATCH_ALL, has_table=True))
    made = step("dialplan", facts)
    (content,) = written(made).values()
    assert b"fshunt_call_domain" in content
    assert made.actions[1:] == (Do.RELOAD_XML, Do.FILL_TABLE)
    text = content.decode().removeprefix("<include>").removesuffix("</include>\n")
    loaded = replace(
        facts, dialplan=replace(facts.dialplan, content=content), switch=switch(dialplan=text, has_table=True)
    )
    assert step("dialplan", loaded).actions == (Do.RELOAD_XML, Do.FILL_TABLE), "the table lacks the pilot"
    assert loaded.switch is not None
    filled = replace(loaded, switch=replace(loaded.switch, in_table=frozenset({(DOMAIN, "5000")})))
    assert step("dialplan", filled).state is State.DONE


def test_the_table_of_another_database_is_left_alone(tmp_path):
    found = switch("1001", dialplan=CATCH_ALL, has_table=True, table_owner="id-2")
    said = problem("dialplan", all_done(tmp_path, switch=found))
    assert said.startswith("FreeSWITCH's table of pilots belongs to another database")
    ours = replace(found, table_owner="id-1")
    assert step("dialplan", all_done(tmp_path, switch=ours)).state is State.TO_DO


def test_the_daemon_is_started_where_systemd_runs():
    facts = all_done(daemon=DaemonFacts(False))
    assert step("daemon", facts).actions == (Run(("systemctl", "enable", "--now", "fshunt.socket", "fshunt.service")),)
    said = problem("daemon", replace(facts, host=replace(facts.host, systemd=False)))
    assert said.startswith("No daemon runs at 127.0.0.1:8084. Callers go to voicemail without one. Start it by `fshunt")


def test_a_port_that_is_taken_is_told_in_the_words_of_the_check():
    assert problem("daemon", all_done(daemon=DaemonFacts(False, "8084 is in use."))) == "8084 is in use."


def test_a_daemon_on_another_database():
    facts = all_done(daemon=DaemonFacts(True, database_id="id-2"))
    assert "uses another database than this command" in problem("daemon", facts)


def test_the_test_call_says_which_phones_ring():
    found = all_done(switch=switch("1002", dialplan=takes("fshunt", "5000", "socket")))
    assert step("test-call", found).what == "A test call to 5000 rings 1002."
    said = problem("test-call", all_done(switch=switch()))
    assert said.startswith("No member of 5000 has a phone: register one")
    assert "no group 7000" in problem("test-call", all_done(), replace(WISHES, pilot="7000"))


def test_the_user_is_made_only_for_the_installation_of_the_host():
    facts = all_done()
    missing = replace(facts.host, has_user=False)
    (run,) = step("user", replace(facts, host=missing)).actions
    assert isinstance(run, Run)
    assert run.words[0] == "useradd"
    assert step("user", replace(facts, host=replace(missing, is_usual=False))).state is State.DONE


def test_who_is_not_root_is_told_so_at_once():
    facts = all_done()
    facts = replace(facts, host=replace(facts.host, is_root=False, user="alice"))
    assert problem("user", facts).startswith("alice may not change the settings and FreeSWITCH's files: run it as root")
    elsewhere = replace(facts, host=replace(facts.host, is_usual=False))
    assert step("user", elsewhere).state is State.DONE, "the files belong to alice"


def test_files_that_the_daemon_could_not_use_are_given_to_it():
    facts = all_done()
    facts = replace(facts, host=replace(facts.host, not_ours=(Path("/d/fshunt.db"), Path("/d/fshunt.db-wal"))))
    assert step("database", facts).actions == (Run(("chown", "fshunt:fshunt", "/d/fshunt.db", "/d/fshunt.db-wal")),)
    facts = replace(all_done(), host=replace(facts.host, secret_is_hidden=True))
    assert step("password-file", facts).actions == (
        Run(("chown", "root:fshunt", "/etc/fshunt/event_socket")),
        Run(("chmod", "640", "/etc/fshunt/event_socket")),
    )


def test_a_database_that_can_neither_be_used_nor_made():
    facts = all_done(database=DatabaseFacts(False, "The database cannot be reached.", problem=True))
    assert problem("database", facts) == "The database cannot be reached."
    facts = all_done(database=DatabaseFacts(False, "There is no database yet."))
    assert step("database", facts).actions == (Do.UPGRADE_DATABASE,)


def test_a_switch_without_its_sip_module_need_not_be_started():
    said = problem("freeswitch", all_done(switch=None, silence=Silence(str(NoSofia()), runs=True)))
    assert "`fs_cli -x 'load mod_sofia'`" in said
    assert "systemctl start" not in said


def with_fs_cli(content: bytes | None, **changed: Any) -> Facts:
    return all_done(fs_cli=FsCliFacts(Path("/etc/fs_cli.conf"), content), **changed)


@pytest.mark.parametrize("content", [None, b"[pbx]\npassword => ClueCon\nloglevel => 3\n"])
def test_fs_cli_gets_the_password_in_a_file_that_others_cannot_read(content):
    made = step("fs-cli", with_fs_cli(content))
    (action,) = made.actions
    assert isinstance(action, WriteFile)
    assert action.secret
    assert values_of(action.content.decode())["password"] == OURS
    assert OURS not in repr(made)
    assert step("fs-cli", with_fs_cli(action.content)).state is State.DONE


def test_fs_cli_is_left_alone_where_it_cannot_be_helped():
    assert step("fs-cli", with_fs_cli(b"\xff")).what.startswith("/etc/fs_cli.conf is not in UTF-8")
    strange = with_fs_cli(None, socket=event_socket("a;;b"))
    assert step("fs-cli", strange).what.startswith("The event socket's password cannot stand in /etc/fs_cli.conf")
    assert "fs-cli" not in plan(all_done(), WISHES), "these settings are not those of the host"
