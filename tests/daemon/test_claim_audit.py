"""The audit of claims."""

import json
import os
import stat
from pathlib import Path

import pytest

from fshunt.daemon.cluster.claim_audit import ClaimAudit
from fshunt.errors import FshuntError


def test_the_file_is_for_this_user_alone_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "claims.jsonl"
    before = os.umask(0o022)
    try:
        audit = ClaimAudit(str(path), "run")
    finally:
        os.umask(before)
    audit.note("start", member="1001")
    audit.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["member"] == "1001"


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FshuntError, match="cannot be written: No such file or directory"):
        ClaimAudit(str(tmp_path / "none" / "claims.jsonl"), "run")


def test_a_file_that_was_renamed_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "claims.jsonl"
    audit = ClaimAudit(str(path), "run")
    audit.note("start", member="1001")
    path.rename(tmp_path / "claims.jsonl.1")
    audit.note("end", member="1001")
    audit.note("start", member="1002")
    audit.close()
    old, new = ((tmp_path / name).read_text().splitlines() for name in ("claims.jsonl.1", "claims.jsonl"))
    assert [json.loads(line)["event"] for line in old] == ["start"]
    assert [json.loads(line)["event"] for line in new] == ["end", "start"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_file_that_cannot_be_made_stops_the_audit_and_not_the_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    audit = ClaimAudit(str(folder / "claims.jsonl"), "run")
    folder.rename(tmp_path / "gone")
    audit.note("start", member="1001")
    audit.note("end", member="1001")
    assert caplog.messages == [f"claim audit stopped: [Errno 2] No such file or directory: '{folder}/claims.jsonl'"]
