"""The Debian package: its sources agree with the code, and it lives through all that apt does with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fshunt.settings import ROWS
from tests.support.clean_debian import BUILD, ROOT, Host, why_not

DEBIAN = ROOT / "packaging" / "debian"
OLD_TABLES = ROOT / "tests" / "migrations" / "schema-0.1.0"
FOLDERS = ROOT / "packaging" / "host" / "tmpfiles.d" / "fshunt.conf"
DATA = "/var/lib/fshunt"


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
    (host.root / "srv" / package.name).unlink()
    left = host.run("find", "/", "-xdev", "-name", "*fshunt*", "-not", "-path", "/srv/*")
    assert left == ""
