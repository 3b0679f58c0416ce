"""What `fshunt setup` sees of files: whose they are, and who can read them."""

from __future__ import annotations

import os

import pytest

from fshunt.services.setup_facts import FsCliFacts
from fshunt.services.setup_look import is_hidden, look_at_dialplan, look_at_fs_cli, not_owned


def test_files_of_another_user(tmp_path):
    file = tmp_path / "fshunt.db"
    url = f"sqlite:///{file}"
    assert not_owned(url, os.getuid()) == ()
    for suffix in ("", "-shm"):
        file.with_name(file.name + suffix).touch()
    assert not_owned(url, os.getuid()) == ()
    assert not_owned(url, os.getuid() + 1) == (file, file.with_name("fshunt.db-shm"))
    assert not_owned("postgresql://fshunt@localhost/fshunt", os.getuid() + 1) == ()


@pytest.mark.parametrize(
    ("mode", "hidden"), [(0o600, (False, True, True)), (0o640, (False, False, True)), (0o604, (False, True, False))]
)
def test_who_can_read_a_secret(tmp_path, mode, hidden):
    file = tmp_path / "event_socket"
    file.touch()
    file.chmod(mode)
    uid, gid = file.stat().st_uid, file.stat().st_gid
    assert (is_hidden(file, uid, gid + 1), is_hidden(file, uid + 1, gid), is_hidden(file, uid + 1, gid + 1)) == hidden
    assert not is_hidden(tmp_path / "missing", uid, gid)


def test_our_file_is_found_by_its_head(tmp_path):
    folder = tmp_path / "dialplan" / "default"
    assert not look_at_dialplan(tmp_path, None).has_folder
    folder.mkdir(parents=True)
    assert look_at_dialplan(tmp_path, None).has_folder
    (folder / "01_example.xml").write_text("<include/>")
    found = look_at_dialplan(tmp_path, None)
    assert (found.file, found.content, found.context_file) == (folder / "00_fshunt.xml", None, None)
    (folder / "10_hunt.xml").write_text("<include><!-- Written by: fshunt dialplan. --></include>")
    (tmp_path / "dialplan" / "default.xml").write_text('<include><extension name="ivr_demo"/></include>')
    found = look_at_dialplan(tmp_path, None)
    assert found.file == folder / "10_hunt.xml"
    assert found.before == {"ivr_demo"}
    assert found.context_file == tmp_path / "dialplan" / "default.xml"


def test_fs_cli_reads_the_own_file_of_a_user_before_that_of_the_host(tmp_path):
    of_host = tmp_path / "fs_cli.conf"
    assert look_at_fs_cli(str(tmp_path), of_host) == FsCliFacts(of_host, None)
    of_host.write_text("[default]\n")
    assert look_at_fs_cli(None, of_host) == FsCliFacts(of_host, b"[default]\n")
    (tmp_path / ".fs_cli_conf").write_text("[own]\n")
    assert look_at_fs_cli(str(tmp_path), of_host) == FsCliFacts(tmp_path / ".fs_cli_conf", b"[own]\n")
