import configparser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def setup_cfg() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def packages_in(folder: Path, name: str) -> set[str]:
    return {".".join([name, *init.parent.relative_to(folder).parts]) for init in folder.rglob("__init__.py")}


def test_every_package_of_the_checkout_is_installed():
    listed = {name for name in setup_cfg()["options"]["packages"].split() if not name.startswith("fshunt.shipped")}
    assert listed == packages_in(ROOT / "fshunt", "fshunt") | packages_in(ROOT / "migrations", "fshunt.migrations")


def test_everything_that_is_installed_is_pinned():
    pinned = {
        line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    options = setup_cfg()
    extras = options["options.extras_require"]
    lines = (options["options"]["install_requires"] + extras["web"] + extras["dev"] + extras["docs"]).splitlines()
    wanted = {line.split()[0].split("[")[0].lower() for line in lines if line.strip() and not line.startswith("#")}
    assert wanted - pinned == set()
