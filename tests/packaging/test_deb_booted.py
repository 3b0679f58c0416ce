"""The Debian package where systemd runs: a host booted in a container of systemd-nspawn. `make test-deb` runs it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fshunt.settings import ROWS
from tests.support.clean_debian import Host, why_not

AUDIT = "/var/log/fshunt/claims.jsonl"

CONNECT = """
import os, socket
ok = refused = 0
while not os.path.exists("/srv/stop"):
    try:
        socket.create_connection((HOST, PORT), 60).close()
        ok += 1
    except OSError:
        refused += 1
print("connections", "some" if ok > 10 else ok)
print("refused", refused)
"""
"""Callers who come one after the other until the upgrade is over."""

SCRIPT = f"""#!/bin/sh
exec > /srv/said 2> /srv/errors
set -e
units="fshunt.service fshunt.socket fshunt-web.service"
run() {{ systemctl show --property MainPID --value fshunt; }}
states() {{ echo $1 $(systemctl is-active $units || true); }}
states installed
fshunt db upgrade > /dev/null
systemctl enable --now fshunt fshunt-web
states started
echo audit $(stat -c %U:%a {AUDIT})
before=$(run)
python3.11 /srv/connect.py > /srv/callers & callers=$!
dpkg -i --force-confold /srv/new.deb > /dev/null
states upgraded
[ $(run) = $before ] && echo the same daemon || echo another daemon
touch /srv/stop
wait $callers
cat /srv/callers
dpkg -r fshunt > /dev/null
states removed
DEBIAN_FRONTEND=noninteractive dpkg -P fshunt > /dev/null 2>&1
echo links $(find /etc/systemd -name 'fshunt*' | wc -l)
"""

UNIT = """
[Service]
Type=oneshot
Environment=LC_ALL=C.UTF-8
ExecStart=/srv/steps
ExecStopPost=/bin/systemctl poweroff --no-block
"""


@pytest.mark.faults
@pytest.mark.booted
@pytest.mark.timeout(900)
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.skipif(shutil.which("systemd-nspawn") is None, reason="needs systemd-container")
def test_an_upgrade_restarts_the_daemon_and_refuses_no_caller(
    bootstrapping: subprocess.Popen[bytes], package: Path, older_package: Path, host: Host
) -> None:
    root = host.root
    host.install(older_package)
    shutil.copy(package, root / "srv" / "new.deb")
    settings = root / "etc" / "fshunt" / "fshunt.toml"
    settings.write_text(f'claim_audit_file = "{AUDIT}"\n' + settings.read_text())
    address = ROWS["listen"].default()
    (root / "srv" / "connect.py").write_text(
        CONNECT.replace("HOST", repr(address.host)).replace("PORT", str(address.port))
    )
    (root / "srv" / "steps").write_text(SCRIPT)
    (root / "srv" / "steps").chmod(0o755)
    system = root / "etc" / "systemd" / "system"
    (system / "steps.service").write_text(UNIT)
    (system / "multi-user.target.wants" / "steps.service").symlink_to("../steps.service")
    container = ["systemd-nspawn", "--register=no", "--keep-unit", "--private-network", "--boot", "-D", str(root)]
    booted = subprocess.run(container, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    said = root / "srv" / "said"
    assert said.exists(), booted.stdout[-2000:]
    assert said.read_text().splitlines() == [
        "installed inactive inactive inactive",
        "started active active active",
        "audit fshunt:600",
        "upgraded active active active",
        "another daemon",
        "connections some",
        "refused 0",
        "removed inactive inactive inactive",
        "links 0",
    ], (root / "srv" / "errors").read_text()
