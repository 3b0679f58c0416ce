"""docs/uninstall.md names everything that an installation makes."""

import re

from tests.support.documents import DOCS

PAGE = (DOCS / "uninstall.md").read_text()
ROOT = DOCS.parent


def test_every_unit_and_its_overrides_are_removed():
    for unit in (ROOT / "systemd").iterdir():
        assert f"/etc/systemd/system/{unit.name}" in PAGE
        assert f"/etc/systemd/system/{unit.name}.d" in PAGE
        assert unit.name.removesuffix(".service") in re.findall(r"disable --now (.*)", PAGE)[0].split()


def test_every_folder_of_the_units_is_removed():
    for unit in (ROOT / "systemd").glob("*.service"):
        names = dict(re.findall(r"(?m)^(State|Configuration|Logs|Cache|Runtime)Directory=(.*)", unit.read_text()))
        for kind, name in names.items():
            folder = {"State": "/var/lib", "Configuration": "/etc", "Logs": "/var/log", "Cache": "/var/cache"}[kind]
            assert f"rm -rf {folder}/{name}\n" in PAGE


def test_every_file_of_fshunt_files_is_removed():
    for file in (ROOT / "packaging" / "host").rglob("*.*"):
        if file.is_file():
            assert f"/etc/{file.relative_to(ROOT / 'packaging' / 'host')}" in PAGE


def test_every_folder_of_the_installation_is_removed():
    for path in set(re.findall(r"/usr/local/(?:lib|bin)/fshunt\b", (DOCS / "install.md").read_text())):
        assert re.search(rf"rm -r?f {path}\n", PAGE), path
