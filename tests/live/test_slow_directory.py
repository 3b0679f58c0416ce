"""A directory behind HTTP (mod_xml_curl) that takes long: the registered phones ring, and the call is not held up."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

NOT_FOUND = b'<document type="freeswitch/xml"><section name="result"><result status="not found"/></section></document>'
"""FreeSWITCH then looks into its own files."""
SILENT_SECONDS = 12.0
"""Longer than all that is waited for."""


class HttpDirectory:
    """Answers FreeSWITCH's questions for users, at once or after a time."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.seconds = 0.0
        self.over = threading.Event()
        directory = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = self.rfile.read(int(self.headers["Content-Length"]))
                if b"type=param" in question:
                    directory.asked.append(time.monotonic())
                    directory.over.wait(directory.seconds)
                self.send_response(200)
                self.send_header("Content-Length", str(len(NOT_FOUND)))
                self.end_headers()
                self.wfile.write(NOT_FOUND)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def http_directory(pbx) -> Iterator[HttpDirectory]:
    if not (pbx.installed.modules / "mod_xml_curl.so").exists():
        pytest.skip("this FreeSWITCH has no mod_xml_curl")
    directory = HttpDirectory()
    pbx.have_directory_behind(f"http://127.0.0.1:{directory.server.server_port}/")
    yield directory
    directory.seconds = 0.0
    directory.over.set()
    pbx.api("unload mod_xml_curl")
    directory.close()


async def test_a_silent_directory_holds_up_one_hunt_for_a_second_and_the_next_not_at_all(lab, admin, http_directory):
    lab.behave("1001", answer_after=0.2)
    admin.group("--policy", "simultaneous", members=("1001", "1002"))
    http_directory.seconds = SILENT_SECONDS
    for number, longest in (("1", 2.0), ("2", 0.7)):
        began = lab.now()
        caller = lab.caller("5000", name=number).dial()
        assert await caller.result(10) == 200
        rang = [seen.at for seen in lab.seen("1001", "INVITE")][-1] - began
        assert rang < longest
        await caller.speak(0.2)  # who hangs up at the very answer has abandoned the call
        caller.hang_up()
        await lab.until_closed(admin, "answered")
    assert len(http_directory.asked) == 2, "one for each member, of the first call"
    assert admin.daemon.log().count("the directory of its FreeSWITCH did not answer in 1 s") == 1
    assert "without cluster-wide claims" not in admin.daemon.log()


async def test_a_directory_behind_http_that_answers_counts(lab, admin, http_directory, pbx):
    pbx.set_dial_strings({"1001": "error/user_busy"})
    try:
        lab.behave("1002", answer_after=0.2)
        admin.group(members=("1001", "1002"))
        http_directory.seconds = 0.3
        caller = lab.caller("5000").dial()
        assert await caller.result(10) == 200
        caller.hang_up()
        call = await lab.until_closed(admin, "answered")
        assert [(skip["extension"], skip["reason"]) for skip in call["skips"]] == [("1001", "blocked")]
    finally:
        pbx.set_dial_strings({})
