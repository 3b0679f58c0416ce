"""Installs fshunt and its dependencies into a virtual environment of the package's tree: ``install_venv.py ROOT LIB``.

ROOT is the tree of the package; LIB is the path of the environment on the hosts that it will be installed on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = Path("debian/tools")
KEPT_PROGRAMS = {"python", "python3", "python3.11", "fshunt"}
UNUSED = ("gevent/tests", "greenlet/tests")
"""Tests inside of dependencies, which nobody runs on a PBX host."""


def main(root: Path, lib: str) -> None:
    """Make the environment, and leave nothing of the machine that built it inside."""
    venv = root / lib.lstrip("/")
    run(sys.executable, "-m", "venv", str(TOOLS))
    run(sys.executable, "-m", "venv", "--without-pip", str(venv))
    pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--python", f"{venv}/bin/python"]
    run(*pip, "install", "--quiet", "--no-compile", "--constraint", "constraints.txt", ".[web]")
    remove_what_is_not_used(venv)
    move(venv, lib)
    compile_modules(venv, root)


def remove_what_is_not_used(venv: Path) -> None:
    """Remove programs of dependencies, their tests, and notes about the machine that built the package."""
    for program in (venv / "bin").iterdir():
        if program.name not in KEPT_PROGRAMS:
            program.unlink()
    [site] = venv.glob("lib/python3.*/site-packages")
    for folder in (*(site / name for name in UNUSED), venv / "include", venv / "share"):
        shutil.rmtree(folder, ignore_errors=True)
    (venv / "lib64").unlink(missing_ok=True)
    for note in site.glob("*.dist-info/direct_url.json"):
        note.unlink()


def move(venv: Path, lib: str) -> None:
    """Let the environment believe that it is where it will be installed."""
    program = venv / "bin" / "fshunt"
    _, rest = program.read_text(encoding="utf-8").split("\n", 1)
    program.write_text(f"#!{lib}/bin/python3.11\n{rest}", encoding="utf-8")
    config = venv / "pyvenv.cfg"
    kept = [line for line in config.read_text(encoding="utf-8").splitlines() if not line.startswith("command = ")]
    config.write_text("\n".join(kept) + "\n", encoding="utf-8")


def compile_modules(venv: Path, root: Path) -> None:
    """Compile all modules: the user fshunt cannot write the results, and would compile them at each start.

    The files have the time that dpkg gives them in the package, since a compiled module names the time of its source.
    """
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    for source in venv.rglob("*.py"):
        os.utime(source, (epoch, epoch))
    options = ["-q", "-j", "0", "--invalidation-mode", "timestamp", "-s", str(root), "-p", "/"]
    run(f"{venv}/bin/python", "-m", "compileall", *options, str(venv / "lib"))


def run(*command: str) -> None:
    """Run a program, and end with it if it fails."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
