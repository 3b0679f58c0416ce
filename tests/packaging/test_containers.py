"""The image and the composition of containers agree with fshunt's settings and with the files of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fshunt.settings import ROWS, load
from tests.packaging.test_packages import setup_cfg
from tests.systemd.test_unit import WEB, unit

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "contrib" / "container"
IMAGE = (FOLDER / "Containerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "localhost/fshunt"}
PAGE = (ROOT / "docs" / "containers.md").read_text()


def lines(word: str) -> list[str]:
    """The instructions of this word in the last stage, the lines of each joined."""
    last = re.split(r"(?m)^FROM .*\n", IMAGE.replace("\\\n", " "))[-1]
    return re.findall(rf"(?m)^{word} (.*)$", last)


def test_the_image_has_all_that_the_wheel_is_made_of() -> None:
    copied = re.findall(r"(?m)^COPY (?!--)(.+) \S+$", IMAGE)
    names = {name for line in copied for name in line.split()}
    assert all((ROOT / name).exists() for name in names)
    folders = {folder.split("/")[0] for folder in re.findall(r"= (\S+)", setup_cfg()["options"]["package_dir"])}
    assert folders | {"fshunt", "setup.cfg", "constraints.txt"} <= names


def test_the_image_does_not_run_as_root() -> None:
    [user] = lines("USER")
    uid, gid = user.split(":")
    [made] = [line for line in lines("RUN") if "useradd" in line]
    assert f"--gid {gid} fshunt" in made
    assert f"--uid {uid} " in made
    assert int(uid) > 0
    assert PAGE.count(f"-o {uid}") == 2


def test_the_image_starts_the_daemon_and_asks_for_its_health() -> None:
    assert (lines("ENTRYPOINT"), lines("CMD")) == (['["fshunt"]'], ['["serve"]'])
    [check] = lines("HEALTHCHECK")
    assert f"http://{ROWS['http_listen'].default()}/healthz" in check


def test_the_image_keeps_what_the_settings_write() -> None:
    assert lines("VOLUME") == [ROWS["outbox_dir"].default()]
    ports = {str(ROWS[name].default().port) for name in ("listen", "http_listen", "web_listen")}
    assert set(lines("EXPOSE")[0].split()) == ports


def test_all_parts_are_there() -> None:
    assert set(OURS) == {"fshunt", "web", "upgrade"}
    assert set(SERVICES) == {*OURS, "freeswitch", "postgres", "prometheus", "grafana"}


@pytest.mark.parametrize("name", OURS)
def test_ours_have_no_rights_and_a_root_that_is_read_only(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_container_can_be_read(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("word\n")
    secret.chmod(0o600)
    environment = {key: str(value) for key, value in OURS[name]["environment"].items()}
    files = re.findall(r"/run/secrets/(\w+)", " ".join(environment.values()))
    assert set(files) == set(OURS[name]["secrets"])
    inside = {key: re.sub(r"/run/secrets/\w+", str(secret), value) for key, value in environment.items()}
    settings = load(environ=inside).settings
    settings.check_web()
    assert settings.database_url.startswith("postgresql")
    assert settings.listen.loopback


def test_the_web_pages_do_not_see_the_password_of_the_event_socket() -> None:
    assert "event_socket" in OURS["fshunt"]["secrets"]
    assert "event_socket" not in OURS["web"]["secrets"]
    assert "FSHUNT_SWITCH" not in OURS["web"]["environment"]


def test_a_stop_is_given_the_time_that_systemd_gives() -> None:
    for name, file in (("fshunt", None), ("web", WEB)):
        said = unit(file=file) if file else unit()
        assert OURS[name]["stop_grace_period"] == f"{said['TimeoutStopSec']}s"


def test_the_web_pages_are_asked_for_their_own_health() -> None:
    assert f"http://{ROWS['web_listen'].default()}/healthz" in OURS["web"]["healthcheck"]["test"][-1]


def test_every_file_that_is_mounted_is_there_or_made_by_the_page() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    named = [path for path in mounted if path not in COMPOSE["volumes"]]
    named += [secret["file"] for secret in COMPOSE["secrets"].values()]
    for path in named:
        made = path.removeprefix("./")
        assert (FOLDER / path).exists() or f" {made}" in PAGE, path


def test_everything_listens_on_loopback_alone() -> None:
    assert {service["network_mode"] for service in SERVICES.values()} == {"host"}
    assert "listen_addresses=127.0.0.1" in SERVICES["postgres"]["command"]
    assert "--web.listen-address=127.0.0.1:9090" in SERVICES["prometheus"]["command"]
    assert SERVICES["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    [source] = yaml.safe_load((FOLDER / "grafana" / "datasources.yaml").read_text())["datasources"]
    assert f"--web.listen-address={source['url'].removeprefix('http://')}" in SERVICES["prometheus"]["command"]
    [provider] = yaml.safe_load((FOLDER / "grafana" / "dashboards.yaml").read_text())["providers"]
    assert f"../grafana:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]
    assert list((ROOT / "contrib" / "grafana").glob("*.json"))


def test_prometheus_asks_the_daemon() -> None:
    assert "../prometheus:/etc/prometheus:ro" in SERVICES["prometheus"]["volumes"]
    config = yaml.safe_load((ROOT / "contrib" / "prometheus" / "prometheus.yml").read_text())
    assert config["scrape_configs"][0]["static_configs"][0]["targets"] == [str(ROWS["http_listen"].default())]


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose on this machine")
def test_docker_compose_understands_the_file(tmp_path: Path) -> None:
    """Debian's is older than the key ``name``."""
    file = tmp_path / "compose.yaml"
    file.write_text(re.sub(r"(?m)^name: .*\n", "", (FOLDER / "compose.yaml").read_text()))
    (tmp_path / "secrets").mkdir()
    for secret in COMPOSE["secrets"].values():
        (tmp_path / secret["file"]).touch()
    command = ["docker-compose", "-f", str(file), "config", "--quiet"]
    done = subprocess.run(command, env=os.environ | {"FREESWITCH_IMAGE": "x/y"}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
