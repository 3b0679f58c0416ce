"""A Debian package of this checkout, an older one, and a clean Debian to install them in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clean_debian import INTERPRETER, ROOT, Host, mirror


@pytest.fixture
def bootstrapping(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Begins to make a Debian, while the package is built."""
    command = ["unshare", "--mount", "debootstrap", "--variant=minbase", "bookworm", str(tmp_path / "host"), mirror()]
    with (tmp_path / "debootstrap.log").open("wb") as log:
        begun = subprocess.Popen(command, stdout=log, stderr=log)
    yield begun
    if begun.poll() is None:
        begun.kill()
        begun.wait()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package of this checkout, quickly compressed."""
    env = os.environ | {"DPKG_DEB_COMPRESSOR_TYPE": "gzip", "DPKG_DEB_COMPRESSOR_LEVEL": "1"}
    command = [str(INTERPRETER), str(ROOT / "packaging" / "build_deb.py"), "--to", str(tmp_path / "dist")]
    built = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert built.returncode == 0, built.stdout
    [made] = (tmp_path / "dist").glob("*.deb")
    return made


@pytest.fixture
def older_package(package: Path, tmp_path: Path) -> Path:
    """The same as version 0.1.0, which apt upgrades, with a settings file that lacks a line."""
    tree, made = tmp_path / "older", tmp_path / "fshunt_0.1.0_amd64.deb"
    subprocess.run(["dpkg-deb", "-R", str(package), str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*", "Version: 0.1.0", control.read_text()))
    settings = tree / "etc" / "fshunt" / "fshunt.toml"
    settings.write_text(settings.read_text().replace("#max_calls = 1000\n", ""))
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "-b", str(tree), str(made)], check=True, capture_output=True)
    shutil.rmtree(tree)
    return made


@pytest.fixture
def host(bootstrapping: subprocess.Popen[bytes], tmp_path: Path) -> Iterator[Host]:
    """A Debian 12 of its smallest kind."""
    assert bootstrapping.wait() == 0, (tmp_path / "debootstrap.log").read_text()[-2000:]
    yield Host(tmp_path / "host")
    shutil.rmtree(tmp_path / "host")
