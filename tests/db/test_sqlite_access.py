"""A user who may not use an SQLite file is told whose it is, and what to do."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fshunt.db.engine import open_store
from fshunt.db.sqlite_access import why_not_allowed
from fshunt.errors import DatabaseError
from tests.support.small_office import make_office

NOBODY = 65534
GROUP = grp.getgrgid(NOBODY).gr_name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of root's that others may look into."""
    for each in (tmp_path, *tmp_path.parents[:3]):
        if each.stat().st_uid == os.getuid() and each != Path("/tmp"):
            each.chmod(each.stat().st_mode | 0o055)
    return tmp_path


@contextmanager
def another_user() -> Iterator[str]:
    """Act as another user, and give the name."""
    groups = os.getgroups()
    os.setgroups([NOBODY])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield pwd.getpwuid(NOBODY).pw_name
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def test_a_file_that_may_be_used_has_another_fault(tmp_path):
    file = tmp_path / "fshunt.db"
    assert why_not_allowed(str(file)) is None
    file.touch()
    assert why_not_allowed(str(file)) is None
    assert why_not_allowed(str(tmp_path / "no" / "folder.db")) is None


only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away, and act as another user")


@only_root
def test_a_file_of_another_than_the_owner_of_its_folder(folder):
    file, log = folder / "fshunt.db", folder / "fshunt.db-wal"
    for each in (file, log):
        each.touch(mode=0o600)
    os.chown(folder, NOBODY, NOBODY)
    with another_user() as me:
        assert why_not_allowed(str(file)) == (
            f"The database {file} cannot be opened: it belongs to root, and {me} may not write it. As root, run "
            f"`chown {me}:{GROUP} {file} {log}`."
        )


@only_root
def test_a_folder_of_a_group(folder):
    (folder / "fshunt.db").touch(mode=0o660)
    os.chown(folder, -1, 1)
    folder.chmod(0o2770)
    with another_user() as me:
        said = why_not_allowed(str(folder / "fshunt.db"))
    assert said == (
        f"The database {folder}/fshunt.db cannot be opened: {folder} belongs to root, and {me} may not write there. "
        "Run the command by `sudo`, or let "
        f"{me} administer by `usermod --append --groups {grp.getgrgid(1).gr_name} {me}`."
    )


@only_root
def test_the_store_says_so(folder):
    file = folder / "fshunt.db"
    file.touch(mode=0o600)
    folder.chmod(0o777)
    with another_user(), pytest.raises(DatabaseError, match=r"it belongs to root, and \w+ may not write it\. Run the"):
        make_office(open_store(f"sqlite:///{file}"))
