"""How long a page of `fshunt web` takes: alone, beside 200 half requests, and beside a flood of sign-ins.

``python -m tests.benchmarks.web_speed [--pages N] [--halves N]``. The process runs on a database of its own, SQLite.
"""

from __future__ import annotations

import argparse
import http.client
import ipaddress
import itertools
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple
from urllib.parse import urlencode

from fshunt.db import migrate

SERVES = re.compile(r"web pages at http://([\d.]+):(\d+)")
PAGE = "/sign-in"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
FLOOD_CLIENTS = 16
FIRST_ADDRESS = "198.18.0.1"
MS = 1000.0
Address = tuple[str, int]


class WebProcess(NamedTuple):
    """The process of the pages: its number, and where it answers."""

    pid: int
    address: Address


@contextmanager
def web_process(url: str, nice: int = 0) -> Iterator[WebProcess]:
    """Run the web process, so much nicer than others."""
    ours = {"DATABASE_URL": url, "WEB_LISTEN": "127.0.0.1:0", "WEB_TRUSTED_PROXIES": "127.0.0.1"}
    environment = {**os.environ, **{f"FSHUNT_{name}": value for name, value in ours.items()}}
    with subprocess.Popen(
        ["nice", "-n", str(nice), sys.executable, "-m", "fshunt", "web"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        found = next(match for line in process.stderr if (match := SERVES.search(line)))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield WebProcess(process.pid, (found[1], int(found[2])))  # `nice` has become it
        finally:
            process.terminate()


def times_of_pages(address: Address, pages: int) -> list[float]:
    """Ask for a page again and again on one connection, and return how long each took, in ms, shortest first."""
    taken = []
    connection = http.client.HTTPConnection(*address, timeout=30)
    for _ in range(pages):
        began = time.perf_counter()
        connection.request("GET", PAGE, headers={"Accept": "text/html"})
        connection.getresponse().read()
        taken.append((time.perf_counter() - began) * MS)
    return sorted(taken)


@contextmanager
def half_requests(address: Address, number: int) -> Iterator[None]:
    """Hold so many connections on which half a request was sent."""
    with ExitStack() as held:
        for each in range(number):
            sock = held.enter_context(socket.create_connection(address))
            sock.sendall(
                (b"GET / HTTP/1.1\r\nHost:", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx")[each % 2]
            )
        yield


@contextmanager
def flood_of_sign_ins(address: Address) -> Iterator[None]:
    """Have clients try passwords as fast as they can: each try with another name and from another address."""
    over, answers = threading.Event(), Counter[int]()
    numbers = itertools.count()
    cookie, token = form_of(address)

    def try_on() -> None:
        connection = http.client.HTTPConnection(*address, timeout=30)
        while not over.is_set():
            number = next(numbers)
            form = urlencode({"name": f"nobody{number}", "password": "not the password", "csrf_token": token})
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "Cookie": cookie,
                "X-Forwarded-For": str(ipaddress.ip_address(FIRST_ADDRESS) + number),
            }
            connection.request("POST", PAGE, form, headers)
            answer = connection.getresponse()
            answer.read()
            answers[answer.status] += 1
        connection.close()

    clients = [threading.Thread(target=try_on) for _ in range(FLOOD_CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        over.set()
        for client in clients:
            client.join()
        print(f"  sign-ins by status: {dict(answers)}")


def form_of(address: Address) -> tuple[str, str]:
    """Return the cookie and the token of a sign-in form."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("GET", PAGE)
    answer = connection.getresponse()
    found = TOKEN.search(answer.read().decode())
    assert found is not None
    connection.close()
    return str(answer.headers["Set-Cookie"]).partition(";")[0], found[1]


def report(name: str, taken: list[float]) -> None:
    """Print one line."""
    print(f"{name:28} p50 {taken[len(taken) // 2]:7.1f} ms   p99 {taken[len(taken) * 99 // 100]:7.1f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--halves", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/fshunt.db"
        migrate.upgrade(url, report=lambda _line: None)
        with web_process(url) as (_, address):
            times_of_pages(address, 50)  # so that all is imported
            report("alone", times_of_pages(address, options.pages))
            with half_requests(address, options.halves):
                report(f"{options.halves} half requests", times_of_pages(address, options.pages))
            with flood_of_sign_ins(address):
                report("a flood of sign-ins", times_of_pages(address, options.pages))


if __name__ == "__main__":
    main()
