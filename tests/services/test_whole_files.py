"""Files are written whole or not at all, and what was there stays beside them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fshunt.errors import FshuntError
from fshunt.services.whole_files import copy_beside, write_whole

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def test_a_file_is_written_with_its_mode(tmp_path):
    file = tmp_path / "a"
    write_whole(file, b"new", 0o640)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o640)
    assert list(tmp_path.iterdir()) == [file]


def test_an_interrupted_write_leaves_what_was_there(tmp_path, monkeypatch):
    file = tmp_path / "a"
    file.write_bytes(b"old")

    def interrupt(_handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fshunt.services.whole_files.os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(file, b"new", 0o600)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_copy_has_a_name_of_its_own_each_time(tmp_path):
    file = tmp_path / "a.xml"
    assert copy_beside(file, NOW) is None
    file.write_bytes(b"1")
    file.chmod(0o640)
    first = copy_beside(file, NOW)
    file.write_bytes(b"2")
    second = copy_beside(file, NOW)
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == ("a.xml.bak-20260301-123000", "a.xml.bak-20260301-123000-2")
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    assert first.stat().st_mode & 0o777 == 0o640


def test_a_folder_that_is_missing_is_told(tmp_path):
    with pytest.raises(FshuntError, match=r"/no/a cannot be written: No such file or directory\."):
        write_whole(tmp_path / "no" / "a", b"", 0o600)
