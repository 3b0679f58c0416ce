"""A FreeSWITCH that runs is found by its process, as the system lists it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fshunt.errors import FshuntError
from fshunt.services.running_freeswitch import running_confs
from fshunt.services.setup_files import find_conf


class Processes:
    """What /proc would show."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number = folder, 0
        folder.mkdir()

    def add(self, *words: str, program: Path, root: Path = Path("/")) -> None:
        self.number += 1
        process = self.folder / str(self.number)
        process.mkdir()
        (process / "cmdline").write_bytes("".join(f"{word}\0" for word in words).encode())
        (process / "exe").symlink_to(program)
        (process / "root").symlink_to(root)


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path / "proc")


def conf(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "freeswitch.xml").write_text("<document/>")
    return folder


@pytest.mark.parametrize("below", ["conf", "etc/freeswitch"])
def test_the_prefix_of_its_program_counts(tmp_path, processes, below):
    there = conf(tmp_path / "pbx" / below)
    processes.add("/somewhere/freeswitch", "-nonat", "-nc", program=tmp_path / "pbx" / "bin" / "freeswitch")
    assert running_confs(processes.folder) == [there]
    assert find_conf(None, None, known=(), processes=processes.folder) == there


def test_its_command_line_counts_more(tmp_path, processes):
    conf(tmp_path / "pbx" / "conf")
    named, based = conf(tmp_path / "named"), conf(tmp_path / "base" / "conf")
    program = tmp_path / "pbx" / "bin" / "freeswitch"
    processes.add("freeswitch", "-conf", str(named), "-log", "/var/log", program=program)
    processes.add("freeswitch", "-base", str(based.parent), program=program)
    assert running_confs(processes.folder) == [named, based]
    with pytest.raises(FshuntError, match=r"name the one that is in use by `--conf DIR`"):
        find_conf(None, None, known=(), processes=processes.folder)


def test_what_runs_counts_more_than_what_is_installed(tmp_path, processes):
    installed, runs = conf(tmp_path / "installed"), conf(tmp_path / "pbx" / "conf")
    assert find_conf(None, None, known=(str(installed),), processes=processes.folder) == installed
    processes.add("freeswitch", program=tmp_path / "pbx" / "bin" / "freeswitch")
    assert find_conf(None, None, known=(str(installed),), processes=processes.folder) == runs


def test_others_are_left_out(tmp_path, processes):
    conf(tmp_path / "pbx" / "conf")
    program = tmp_path / "pbx" / "bin" / "freeswitch"
    processes.add("editor", "freeswitch", program=tmp_path / "pbx" / "bin" / "editor")
    processes.add("freeswitch", program=program, root=tmp_path)  # in a container
    processes.add(program=program)  # of the kernel, without a command line
    (processes.folder / "self").mkdir()
    assert running_confs(processes.folder) == []
