"""The proxies of docs/web.md, as they stand there: what the pages learn of the client, where the proxy is installed."""

from __future__ import annotations

import ipaddress
import re
import shutil
import socket
import ssl
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import gevent
import pytest
from gevent.subprocess import DEVNULL, Popen

from tests.support.documents import DOCS
from tests.support.ports import held_port, number_of
from tests.support.waiting import WAIT_SECONDS, until
from tests.web.talking import serving
from tests.web.test_server import CERTIFICATE, client

PAGE = (DOCS / "web.md").read_text(encoding="utf-8")
CERT, KEY = CERTIFICATE / "cert.pem", CERTIFICATE / "key.pem"
NGINX = """
pid {folder}/pid; error_log {folder}/log; events {{}}
http {{
    access_log off; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    {server}
}}
"""
CADDY = "{{\nadmin off\nauto_https disable_redirects\nskip_install_trust\n}}\n{site}"


def example(proxy: str) -> str:
    """The configuration that the page shows for a proxy."""
    found = re.search(rf"^{proxy}, on the same host:\n\n((?: {{4}}.*\n|\n)+)", PAGE, re.MULTILINE)
    assert found is not None
    return textwrap.dedent(found[1])


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    process = Popen(command, stdout=DEVNULL, stderr=DEVNULL, env={"HOME": str(folder)}, cwd=folder)
    try:
        until(lambda: accepts(port), f"{command[0]} listens")
        yield
    finally:
        process.terminate()
        process.wait(WAIT_SECONDS)


def accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def ask(port: int) -> bytes:
    """What the pages learn of a client who says that somebody else sent it."""
    context = ssl.create_default_context(cafile=str(CERT))

    def talk() -> bytes:
        raw = socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
        with context.wrap_socket(raw, server_hostname="localhost") as sock:
            sock.sendall(
                b"GET / HTTP/1.1\r\nHost: localhost:%d\r\nX-Forwarded-For: 192.0.2.66\r\n"
                b"X-Forwarded-Proto: http\r\nX-Forwarded-Host: evil.test\r\nConnection: close\r\n\r\n" % port
            )
            return b"".join(iter(lambda: sock.recv(65536), b""))

    said: bytes = gevent.get_hub().threadpool.spawn(talk).get(timeout=WAIT_SECONDS)
    return said


def test_nginx_says_who_the_client_is(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if nginx is None:
        pytest.skip("no nginx on this machine")
    with held_port() as held, serving(client, trusted_proxies=[ipaddress.ip_network("127.0.0.2")]) as server:
        port = number_of(held)
        text = example("nginx").replace("listen 443", f"listen 127.0.0.1:{port}").replace("fshunt.example.com;", "_;")
        text = re.sub(r"ssl_certificate +.*;", f"ssl_certificate {CERT};", text)
        text = re.sub(r"ssl_certificate_key +.*;", f"ssl_certificate_key {KEY};", text)
        # The proxy has another address than its client here, as it has anywhere else.
        text = text.replace(
            "proxy_pass http://127.0.0.1:8090;", f"proxy_bind 127.0.0.2; proxy_pass http://{server.address};"
        )
        (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, server=text))
        with running([nginx, "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off;"], port, tmp_path):
            assert f"https localhost:{port} 127.0.0.1".encode() in ask(port)


def test_caddy_says_who_the_client_is(tmp_path: Path) -> None:
    caddy = shutil.which("caddy", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if caddy is None:
        pytest.skip("no caddy on this machine")
    with held_port() as held, serving(client, trusted_proxies=[ipaddress.ip_network("127.0.0.1")]) as server:
        port = number_of(held)
        text = example("Caddy").replace("fshunt.example.com {", f"https://localhost:{port} {{\n    tls {CERT} {KEY}")
        (tmp_path / "Caddyfile").write_text(CADDY.format(site=text.replace("127.0.0.1:8090", str(server.address))))
        with running([caddy, "run", "--config", str(tmp_path / "Caddyfile")], port, tmp_path):
            assert f"https localhost:{port} 127.0.0.1".encode() in ask(port)
