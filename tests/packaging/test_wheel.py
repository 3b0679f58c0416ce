"""What an installation has: a wheel is built, unpacked where nothing of the checkout is in reach, and used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults
"""A wheel is built for these, which takes long; what it is made of is looked at by the tests of `fshunt files`."""

ROOT = Path(__file__).parents[2]
PARTS = ("fshunt", "migrations", "packaging", "systemd", "freeswitch-conf")
PARTS += ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
BUILD = "import setuptools.build_meta, sys; print(setuptools.build_meta.build_wheel(sys.argv[1]))"
RUN = (
    "import fshunt, runpy; assert fshunt.__file__.startswith({site!r}), fshunt.__file__; "
    "runpy.run_module('fshunt', run_name='__main__')"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installed fshunt."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, source / part)
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=source, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    site = folder / "site"
    zipfile.ZipFile(folder / built.stdout.splitlines()[-1]).extractall(site)
    return site


def fshunt(installed: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("FSHUNT_")}
    command = [sys.executable, "-c", RUN.format(site=str(installed)), *words]
    return subprocess.run(
        command,
        env={**plain, "PYTHONPATH": str(installed), **environment},
        cwd=installed.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_migrations_work_from_an_installed_wheel(installed: Path, empty_database_url: str) -> None:
    url = empty_database_url
    upgraded = fshunt(installed, "db", "upgrade", FSHUNT_DATABASE_URL=url)
    assert upgraded.returncode == 0, upgraded.stderr
    assert "0001" in upgraded.stdout
    assert fshunt(installed, "db", "check", FSHUNT_DATABASE_URL=url).returncode == 0
    added = fshunt(installed, "group", "add", "5000", "--domain", "pbx.test", FSHUNT_DATABASE_URL=url)
    assert added.returncode == 0, added.stderr


def test_a_wheel_behaves_like_a_checkout(installed: Path) -> None:
    assert fshunt(installed, "--version").stdout == subprocess.run(
        [sys.executable, "-m", "fshunt", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout  # fmt: skip


def test_a_wheel_has_the_files_of_a_host(installed: Path, tmp_path: Path) -> None:
    def texts(name: str) -> dict[str, str]:
        found = [file for file in (tmp_path / name).rglob("*") if file.is_file()]
        return {str(file.relative_to(tmp_path / name)): file.read_text() for file in found}

    words = ["files", "--program", "/srv/bin/fshunt", "--to"]
    written = fshunt(installed, *words, str(tmp_path / "wheel"))
    assert written.returncode == 0, written.stderr
    checkout = [sys.executable, "-m", "fshunt", *words, str(tmp_path / "checkout")]
    subprocess.run(checkout, cwd=ROOT, capture_output=True, check=True)
    assert texts("wheel") == texts("checkout") != {}
