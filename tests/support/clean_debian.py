"""A clean Debian 12 in a folder, to install the package in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.documents import load_script

ROOT = Path(__file__).parents[2]
INTERPRETER = Path("/usr/bin/python3.11")
TOOLS = ("debootstrap", "dh", "dpkg-buildpackage", "unshare")
BUILD = load_script(ROOT / "packaging" / "build_deb.py")


@dataclass
class Host:
    """A Debian 12 in a folder, without a running systemd."""

    root: Path

    def run(self, *words: str, given: str = "", fails: bool = False) -> str:
        """Run a command as root inside, and return what it printed, errors among it."""
        inside = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", inside, str(self.root), *words],
            env=env | proxies(),
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert (done.returncode != 0) is fails, f"{words}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def fshunt(self, *words: str) -> str:
        """Run fshunt as its user."""
        return self.run("runuser", "-u", "fshunt", "--", "fshunt", *words)

    def install(self, package: Path | str) -> str:
        """Install a package of this machine or of Debian, with what it needs; changed settings stay as they are."""
        if isinstance(package, Path):
            shutil.copy(package, self.root / "srv")
            package = f"/srv/{package.name}"
        options = ["-q", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold"]
        return self.run("apt-get", "install", *options, package)

    def there(self, *paths: str) -> list[str]:
        """Return the paths that exist."""
        return [path for path in paths if os.path.lexists(self.root / path.lstrip("/"))]


def proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}


def mirror() -> str:
    """The mirror that this machine installs from."""
    files = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    text = "\n".join(file.read_text() for file in files if file.is_file())
    found = re.search(r"(?m)^[^#]*?(https?://\S+/debian)/?(?=\s|$)", text)
    return found[1] if found else "http://deb.debian.org/debian"


def why_not() -> str | None:
    """Why no clean Debian can be made here; None: it can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    asked = 'test -x "$0" && "$0" -c "import ensurepip"'
    if subprocess.run(["sh", "-c", asked, str(INTERPRETER)], capture_output=True).returncode:
        missing.append("python3.11-venv")
    if missing:
        return f"needs {', '.join(missing)}"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        return "may not make a mount namespace"
    return None
