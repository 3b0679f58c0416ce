"""Notices of calls on a real switch: a mail with the story of a missed call, and a webhook while somebody talks."""

from __future__ import annotations

import json

from tests.live.test_destinations import leave_a_message
from tests.support.receivers import mail_server, web_server


async def test_a_missed_caller_is_told_by_mail_and_the_daemons_restart_loses_nothing(lab, admin, daemon, pbx):
    with mail_server() as server:
        daemon.environment |= {
            "FSHUNT_SMTP_HOST": "127.0.0.1",
            "FSHUNT_SMTP_PORT": str(server.port),
            "FSHUNT_SMTP_TLS": "none",
            "FSHUNT_SMTP_FROM": "fshunt@pbx.test",
        }
        daemon.restart()
        admin.group("--name", "Sales", "--ring-seconds", "1", "--voicemail", "1010", members=("1001",))
        admin("group", "notice", "add", "5000", "--mail", "sales@example.com", "--on", "missed")
        stored = len(pbx.messages("1010"))
        await leave_a_message(lab.caller("5000").dial())
        await lab.until_stored(pbx, "1010", stored + 1)
        await lab.until_closed(admin, "voicemail")
        daemon.kill()
        daemon.start()
        await lab.until(lambda: server.mails)
    text = server.mails[0].get_body(("plain",)).get_content()
    assert "Sales (5000)" in server.mails[0]["Subject"]
    assert "1001 rang: did not answer after" in text


async def test_an_answer_is_told_while_they_talk(lab, admin, daemon):
    with web_server() as server:
        daemon.environment["FSHUNT_WEBHOOK_ALLOWED_NETWORKS"] = "127.0.0.1"
        daemon.restart()
        admin.group(members=("1001",))
        admin("group", "notice", "add", "5000", "--webhook", server.url(), "--on", "answered")
        lab.behave("1001", answer_after=0.1)
        caller = lab.caller("5000").dial()
        assert await caller.result(10) == 200
        await lab.until(lambda: server.requests)
        caller.hang_up()
        await lab.until_closed(admin, "answered")
    [event] = json.loads(server.requests[0].body)["data"]["events"]
    assert (event["event"], event["call"]["answered_by"], event["call"]["ended_at"]) == ("answered", "1001", None)
