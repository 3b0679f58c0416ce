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
