"""Builds the Debian package: ``python3 packaging/build_deb.py [--to DIR]``.

It needs Debian 12 with dpkg-dev, debhelper and python3.11-venv, and the internet or a mirror for pip.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("fshunt", "migrations", "systemd", "freeswitch-conf", "packaging", "docs")
PARTS += ("setup.cfg", "pyproject.toml", "constraints.txt", "README.md", "LICENSE")
NEEDED = {"dpkg-buildpackage": "dpkg-dev", "dh": "debhelper"}
QUIET = {"DH_QUIET": "1"}
MAINTAINER = "fshunt developers <fshunt@localhost>"


def main() -> None:
    """Build the package, and say how it is installed."""
    parser = argparse.ArgumentParser(description="Build the Debian package of fshunt.")
    parser.add_argument(
        "--to", metavar="DIR", type=Path, default=Path("dist"), help="folder for the package; else dist"
    )
    to = parser.parse_args().to
    refuse_without_tools()
    with tempfile.TemporaryDirectory(prefix="fshunt-deb-") as folder:
        copy_sources(Path(folder) / "fshunt")
        command = ["dpkg-buildpackage", "--build=binary", "--no-sign", "--no-check-builddeps"]
        done = subprocess.run(command, cwd=Path(folder) / "fshunt", env=QUIET | os.environ, check=False)
        if done.returncode:
            sys.exit(done.returncode)
        to.mkdir(parents=True, exist_ok=True)
        [package] = Path(folder).glob("fshunt_*.deb")
        made = to / package.name
        shutil.copy(package, made)
    print(f"Built {made}. To install it: apt-get install {'' if made.is_absolute() else './'}{made}")


def copy_sources(tree: Path) -> None:
    """Copy what the package is made of, and give it its ``debian`` folder."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / part, tree / part)
    shutil.copytree(ROOT / "packaging" / "debian", tree / "debian")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (tree / "debian" / "changelog").write_text(changelog(changes, debian_version(), built_at()), encoding="utf-8")


def debian_version() -> str:
    """Return the version of fshunt as Debian orders it: 0.2.0~dev0 comes before 0.2.0."""
    text = (ROOT / "fshunt" / "__init__.py").read_text(encoding="utf-8")
    [version] = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return str(version).replace(".dev", "~dev")


def refuse_without_tools() -> None:
    """End with the command that installs what is missing."""
    missing = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if subprocess.run(["/usr/bin/python3.11", "-c", "import ensurepip"], capture_output=True, check=False).returncode:
        missing.append("python3.11-venv")
    if missing:
        sys.exit(f"The package is built on Debian 12; this machine lacks: apt-get install {' '.join(missing)}")


def built_at() -> datetime:
    """Return the time of the last commit, so that the same sources make the same package; without git, now."""
    stamp = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not stamp and shutil.which("git"):
        command = ["git", "log", "-1", "--format=%ct"]
        stamp = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return datetime.fromtimestamp(int(stamp), UTC) if stamp else datetime.now(UTC)


def changelog(changes: str, version: str, at: datetime) -> str:
    """Return CHANGELOG.md in Debian's form. Its first section, if not released, is of ``version`` and ``at``."""
    parts = re.split(r"(?m)^## (\S+) \(([^)]+)\)$", changes)[1:]
    entries = []
    for number, date, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        released = date != "not released"
        when = datetime.fromisoformat(date).replace(tzinfo=UTC) if released else at
        bullets = re.findall(r"(?m)^- (.+(?:\n  .+)*)", text)
        lines = [f"  * {bullet.replace(chr(10) + '  ', chr(10) + '    ')}" for bullet in bullets]
        head = f"fshunt ({number if released else version}) bookworm; urgency=medium"
        entries.append("\n".join([head, "", *lines, "", f" -- {MAINTAINER}  {format_datetime(when)}", ""]))
    return "\n".join(entries)


if __name__ == "__main__":
    main()
