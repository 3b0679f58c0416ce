"""The checker finds what is planted, and nothing where nothing is."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.claim_checker import Entry, check

ROOT = Path(__file__).parents[2]


def entry(event: str, at: float, call: str, member: str = "1001", hunt: str | None = None, run: str = "a") -> Entry:
    return Entry(event, "office.test", member, call, hunt or f"hunt-{call}", run, at)


def held(call: str, since: float, until: float, **more: str) -> list[Entry]:
    return [entry("start", since, call, **more), entry("end", until, call, **more)]


def test_one_after_the_other_is_no_overlap_even_at_the_same_moment() -> None:
    report = check(held("x", 1, 2) + held("y", 2, 3))
    assert (report.claims, report.problems) == (2, [])


def test_two_calls_on_one_member_are_found_whatever_daemons_they_are_of() -> None:
    report = check(held("x", 1, 3) + held("y", 2, 4, run="b"))
    assert len(report.overlaps) == 1
    assert "call y" in report.overlaps[0]
    assert "call x" in report.overlaps[0]


def test_other_members_and_other_domains_do_not_meet() -> None:
    other_domain = [Entry(e.event, "other.test", *_rest(e)) for e in held("z", 1, 3)]
    assert check(held("x", 1, 3) + held("y", 1, 3, member="1002") + other_domain).problems == []


def _rest(e: Entry) -> tuple[str, str, str, str, float]:
    return e.member, e.call, e.hunt, e.run, e.monotonic


def test_a_member_who_may_have_several_calls_has_them() -> None:
    several = [replace(e, shared=True) for e in held("x", 1, 3) + held("y", 2, 4)]
    assert check(several).problems == []
    assert len(check(several + held("z", 2.5, 2.6)).overlaps) == 2, "a call of another group may not join them"


def test_a_claim_that_never_ends_is_found_unless_its_daemon_was_killed() -> None:
    assert len(check([entry("start", 1, "x")]).endless) == 1
    assert check([entry("start", 1, "x")], killed={"a"}).problems == []


def test_an_end_without_a_start_is_found() -> None:
    assert len(check([entry("end", 1, "x")]).unbegun) == 1
    assert len(check([*held("x", 1, 2), entry("end", 3, "x")]).unbegun) == 1


def test_a_call_that_a_second_daemon_takes_over_keeps_its_member() -> None:
    taken = [entry("start", 1, "x"), *held("x", 2, 4, hunt="second", run="b")]
    assert check(taken).problems == []
    assert check([*taken, entry("end", 3, "x")]).problems == [], "the first daemon's own end may come late"


def test_nobody_may_have_a_dead_daemons_member_before_it_is_dead() -> None:
    dead = [entry("start", 1, "x"), *held("w", 1, 5, member="1002")]
    assert len(check(dead + held("y", 3, 6, run="b"), killed={"a"}).overlaps) == 1
    assert check(dead + held("y", 5, 6, run="b"), killed={"a"}).problems == []


@given(st.integers(0, 2**32), st.integers(2, 40))
def test_a_planted_overlap_is_found_in_any_run(seed: int, count: int) -> None:
    random_ = random.Random(seed)
    entries, free = [], {"1001": 0.0, "1002": 0.0, "1003": 0.0}
    for number in range(count):
        member = random_.choice(sorted(free))
        since = free[member] + random_.random()
        free[member] = since + random_.random()
        entries += held(str(number), since, free[member], member=member, run=random_.choice("ab"))
    random_.shuffle(entries)
    assert check(entries).problems == []
    victim = random_.choice([e for e in entries if e.event == "start"])
    end = next(e for e in entries if e.hunt == victim.hunt and e.event == "end")
    inside = (victim.monotonic + end.monotonic) / 2
    planted = held("planted", inside, inside, member=victim.member)
    if victim.monotonic < inside < end.monotonic:
        assert any("call planted" in words for words in check(entries + planted).overlaps)


def test_it_is_a_program_that_reads_claim_audits_and_has_an_exit_code(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    write(first, held("x", 1, 3))
    write(second, held("y", 4, 5, run="b"))
    with second.open("a") as file:
        file.write('{"event": "sta')  # killed while it wrote
    assert run(first, second).returncode == 0
    write(second, held("y", 2, 5, run="b"))
    found = run(first, second)
    assert found.returncode == 1
    assert "2 claims, 1 problems" in found.stdout
    assert "1001@office.test for call y" in found.stdout


def test_it_imports_nothing_of_what_it_checks() -> None:
    program = "import sys, tests.faults.claim_checker; print([m for m in sys.modules if m.startswith('fshunt')])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def write(path: Path, entries: list[Entry]) -> None:
    names = Entry.__dataclass_fields__
    lines = [
        json.dumps({name: getattr(e, name) for name in names} | {"at": "2026-01-01T00:00:00+00:00"}) for e in entries
    ]
    path.write_text("".join(line + "\n" for line in lines))


def run(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.faults.claim_checker", *map(str, paths)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
