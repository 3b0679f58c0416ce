"""The Debian package: its sources agree with the code, and it lives through all that apt does with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fshunt.settings import ROWS
from tests.support.documents import load_script

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "packaging" / "debian"
OLD_TABLES = ROOT / "tests" / "migrations" / "schema-0.1.0"
INTERPRETER = Path("/usr/bin/python3.11")
FOLDERS = ROOT / "packaging" / "host" / "tmpfiles.d" / "fshunt.conf"
TOOLS = ("debootstrap", "dh", "dpkg-buildpackage", "unshare")
DATA = "/var/lib/fshunt"
BUILD = load_script(ROOT / "packaging" / "build_deb.py")


def test_the_sources_of_the_package_are_there() -> None:
    for part in BUILD.PARTS:
        assert (ROOT / part).exists(), part
    files = [file for file in DEBIAN.iterdir() if file.is_file()]
    scripts = {file.name for file in files if file.read_text().startswith("#!")}
    assert scripts == {"rules", "fshunt.postinst", "fshunt.prerm", "fshunt.postrm"}
    assert os.access(DEBIAN / "rules", os.X_OK)


@pytest.mark.parametrize("script", ["fshunt.postinst", "fshunt.prerm", "fshunt.postrm"])
def test_the_shell_understands_the_scripts(script: str) -> None:
    subprocess.run(["sh", "-n", str(DEBIAN / script)], check=True)
    assert "\n#DEBHELPER#\n" in (DEBIAN / script).read_text()


def test_the_folders_are_those_of_the_settings_and_the_units() -> None:
    modes = dict(re.findall(r"(?m)^d (\S+) (\d+) ", FOLDERS.read_text()))
    unit = (ROOT / "systemd" / "fshunt.service").read_text()
    for kind, above in (("Configuration", "/etc"), ("State", "/var/lib"), ("Logs", "/var/log")):
        [name] = re.findall(rf"(?m)^{kind}Directory=(\S+)$", unit)
        assert modes.pop(f"{above}/{name}") == re.findall(rf"(?m)^{kind}DirectoryMode=(\d+)$", unit)[0]
    assert modes == {}
    assert ROWS["outbox_dir"].default() == DATA
    assert ROWS["database_url"].default() == f"sqlite:///{DATA}/fshunt.db"
    for script in ("postinst", "postrm"):
        assert DATA in (DEBIAN / f"fshunt.{script}").read_text()


def test_the_user_is_that_of_the_units() -> None:
    [(user, home)] = re.findall(
        r'(?m)^u (\S+) - ".*" (\S+)$', (ROOT / "packaging" / "host" / "sysusers.d" / "fshunt.conf").read_text()
    )
    assert home == DATA
    for unit in ("fshunt.service", "fshunt-web.service"):
        assert f"\nUser={user}\nGroup={user}\n" in (ROOT / "systemd" / unit).read_text()


def test_the_question_of_a_purge_has_no_as_its_default() -> None:
    template = (DEBIAN / "fshunt.templates").read_text()
    assert "Type: boolean\nDefault: false\n" in template
    assert re.findall(r"db_input \w+ (\S+)", (DEBIAN / "fshunt.postrm").read_text()) == re.findall(
        r"(?m)^Template: (\S+)$", template
    )


def test_the_changes_of_the_package_are_those_of_the_product() -> None:
    changes = (
        "# Changes\n\n## 0.2.0 (not released)\n\nCalls:\n\n- One\n  line.\n- Two.\n\n## 0.1.0 (2026-11-29)\n\n- Old.\n"
    )
    at = BUILD.datetime.fromisoformat("2026-12-01T10:00:00+00:00")
    assert BUILD.changelog(changes, "0.2.0~dev0", at) == (
        "fshunt (0.2.0~dev0) bookworm; urgency=medium\n\n  * One\n    line.\n  * Two.\n\n"
        " -- fshunt developers <fshunt@localhost>  Tue, 01 Dec 2026 10:00:00 +0000\n\n"
        "fshunt (0.1.0) bookworm; urgency=medium\n\n  * Old.\n\n"
        " -- fshunt developers <fshunt@localhost>  Sun, 29 Nov 2026 00:00:00 +0000\n"
    )


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg on this machine")
def test_a_development_version_comes_before_its_release() -> None:
    version = BUILD.debian_version()
    assert re.fullmatch(r"\d+\.\d+\.\d+(~dev\d+)?", version)
    released = version.split("~")[0]
    relation = "lt" if "~" in version else "eq"
    subprocess.run(["dpkg", "--compare-versions", version, relation, released], check=True)


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
            shutil.copy(package, self.root / "root")
            package = f"/root/{package.name}"
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


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_install_a_call_upgrade_remove_and_purge(
    bootstrapping: subprocess.Popen[bytes], package: Path, older_package: Path, host: Host
) -> None:
    """One test, since each step needs the host as the step before has left it."""
    first_install(host, older_package)
    calls_go_through(host)
    a_claim_audit_is_rotated(host)
    an_upgrade_keeps_settings_and_calls(host, package)
    remove_keeps_settings_and_data(host)
    purge_asks_for_the_data(host, package)


def first_install(host: Host, package: Path) -> None:
    said = host.install(package)
    assert "fshunt: installed. Next: fshunt setup\n" in said
    wanted = re.findall(r"(?m)^d (\S+) 0*(\d+) (\w+) (\w+)", FOLDERS.read_text())
    made = [host.run("stat", "-c", "%n %a %U %G", folder).split() for folder, *_ in wanted]
    assert made == [list(each) for each in wanted]
    assert host.run("readlink", "-f", "/usr/lib/fshunt/bin/python") == "/usr/bin/python3.11\n"
    assert host.run("grep", "-rl", "fshunt-deb-", "/usr/lib/fshunt", fails=True) == "", "the folder of the build"
    assert "/etc/fshunt/fshunt.toml" in host.run("dpkg-query", "-f", "${Conffiles}", "-W", "fshunt")
    for page in ("man1/fshunt.1.gz", "man5/fshunt.toml.5.gz"):
        assert f"/usr/share/man/{page}\n" in host.run("dpkg", "-L", "fshunt")
    units = ["/lib/systemd/system/fshunt.service", "/lib/systemd/system/fshunt-web.service"]
    assert "/lib/systemd/system/fshunt.socket" in host.there("/lib/systemd/system/fshunt.socket")
    assert "ExecStart=/usr/lib/fshunt/bin/fshunt " in host.run("cat", *units)
    host.run("systemd-analyze", "verify", "--man=no", *units)
    assert host.there(f"{DATA}/fshunt.db") == []
    assert "No module" not in host.run("fshunt", "web", "--help")


def calls_go_through(host: Host) -> None:
    assert "No FreeSWITCH is found" in host.run("fshunt", "setup", "--dry-run", fails=True)
    assert host.there(f"{DATA}/fshunt.db") == []
    assert "12 of 12 calls ended as they should." in host.fshunt("demo")


def a_claim_audit_is_rotated(host: Host) -> None:
    host.install("logrotate")
    audit = "/var/log/fshunt/claims.jsonl"
    host.run("runuser", "-u", "fshunt", "--", "sh", "-c", f"umask 077; echo '{{}}' > {audit}")
    host.run("logrotate", "--force", "/etc/logrotate.d/fshunt")
    assert host.there(audit, f"{audit}.1") == [f"{audit}.1"]
    assert host.run("stat", "-c", "%U %a", f"{audit}.1") == "fshunt 600\n"


def an_upgrade_keeps_settings_and_calls(host: Host, package: Path) -> None:
    make = f"import sqlite3, sys; sqlite3.connect('{DATA}/fshunt.db').executescript(sys.stdin.read())"
    tables = (OLD_TABLES / "sqlite.sql").read_text() + (OLD_TABLES / "rows.sql").read_text()
    host.run("runuser", "-u", "fshunt", "--", "/usr/lib/fshunt/bin/python", "-c", make, given=tables)
    settings = host.root / "etc/fshunt/fshunt.toml"
    settings.write_text("keep_changes_days = 400\n" + settings.read_text())
    said = host.install(package)
    assert f"fshunt: kept a copy of the database as it was: {DATA}/fshunt.db.before-" in said
    assert f"The database sqlite:///{DATA}/fshunt.db is up to date." in said
    assert settings.read_text().startswith("keep_changes_days = 400\n")
    assert host.there("/etc/fshunt/fshunt.toml.dpkg-dist") == ["/etc/fshunt/fshunt.toml.dpkg-dist"]
    listed = host.fshunt("call", "list", "--format", "csv")
    assert {uuid for uuid in ("caller-1", "caller-2", "caller-3", "caller-4") if uuid in listed} == {
        "caller-1", "caller-2", "caller-3", "caller-4",
    }  # fmt: skip
    assert host.run("stat", "-c", "%U", f"{DATA}/fshunt.db") == "fshunt\n"


def remove_keeps_settings_and_data(host: Host) -> None:
    kept = ["/etc/fshunt/fshunt.toml", f"{DATA}/fshunt.db", "/var/log/fshunt"]
    host.run("apt-get", "remove", "-q", "-y", "fshunt")
    assert host.there("/usr/lib/fshunt", "/usr/bin/fshunt", "/lib/systemd/system/fshunt.service", *kept) == kept


def purge_asks_for_the_data(host: Host, package: Path) -> None:
    assert f"stay in {DATA}." in host.run("apt-get", "purge", "-q", "-y", "fshunt")
    assert host.there("/etc/fshunt", "/var/log/fshunt", f"{DATA}/fshunt.db") == [f"{DATA}/fshunt.db"]
    host.install(package)
    assert "caller-1" in host.fshunt("call", "list", "--format", "csv")
    host.run("debconf-set-selections", given="fshunt fshunt/purge-data boolean true\n")
    host.run("apt-get", "purge", "-q", "-y", "fshunt")
    (host.root / "root" / package.name).unlink()
    left = host.run("find", "/", "-xdev", "-name", "*fshunt*", "-not", "-path", "/root/*")
    assert left == ""
