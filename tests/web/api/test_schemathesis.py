"""Schemathesis sends what the OpenAPI document allows, and what it does not, and compares the answers with it.

It knows the names of an office: else it would hardly ever meet anything but 404. Each operation has its own office.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

import hypothesis
import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode

from fshunt.hunting.hours import Holiday
from fshunt.hunting.hours_text import parse_week
from fshunt.services import accounts, audit, boards, groups, hours, notices
from fshunt.services.hours import Zone
from fshunt.services.users import Scope
from fshunt.web.api.operations import OPERATIONS
from fshunt.web.api.rate_limit import RateLimit
from tests.web.calls import add_call
from tests.web.people import ADMIN, DOMAIN, PILOT, PROVIDER
from tests.web.waiting import ask_back

EXAMPLES = 10
"""For each operation, and as many again of what does not fit the document."""

FINITE = [op for op in OPERATIONS if not op.stream]
FIRST, LAST = date(2026, 12, 24), date(2026, 12, 26)

REFUSED = [400, 401, 404, 405, 406, 409, 412, 413, 415, 422, 428]
EVERY_CHECK = hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[*hypothesis.HealthCheck],
)


@pytest.fixture
def names(office):
    """What the parts of addresses can name in the office."""
    with office.writing() as s:
        zone = Zone("Europe/Rome")
        hours.set_hours(s, DOMAIN, PILOT, parse_week(["daily", "8-17"]), zone)
        hours.add_holiday(s, DOMAIN, PILOT, Holiday("Christmas", FIRST, LAST), zone)
        groups.set_group(s, DOMAIN, PILOT, name="Shop")
        change = audit.last_change_id(s)
        token, _ = accounts.add_token(s, ADMIN, "board", [Scope.READ])
        board, _ = boards.add_board(s, DOMAIN, PILOT, "wall")
        wish = notices.wish_of(mail="a@b.test", webhook=None, events=["missed"])
        notice, _ = notices.add_notice(s, DOMAIN, PILOT, wish)
    callback = ask_back(office, "1005")
    add_call(office, "call", at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    return {
        "domain": DOMAIN,
        "pilot": PILOT,
        "extension": "1001",
        "user": ADMIN,
        "token": token.id,
        "board": board.id,
        "notice": notice.id,
        "callback": callback.id,
        "change": change,
        "uuid": "uuid-call",
        "first_day": FIRST.isoformat(),
        "last_day": LAST.isoformat(),
    }


@pytest.fixture
def token(app, office):
    app.extensions["fshunt-rate-limit"] = RateLimit(1_000_000)
    with office.writing() as s:
        _, secret = accounts.add_token(s, PROVIDER, "schemathesis", list(Scope))
    return secret


@pytest.fixture
def schema(app, token):
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    checks = schema.config.checks
    # What the document cannot say (a number that is taken, a time zone that there is not) is refused all the same.
    checks.positive_data_acceptance.expected_statuses = ["2xx", *map(str, REFUSED)]
    checks.negative_data_rejection.expected_statuses = [*map(str, REFUSED)]
    checks.missing_required_header.expected_statuses = [*map(str, REFUSED)]
    return schema


def in_the_office(case, names, op, *, example):
    """Have a case name what there is, unless that is what is wrong of it; with the ``example`` of the operation."""
    wrong = {where.value for where, part in case.meta.components.items() if part.mode is GenerationMode.NEGATIVE}
    if case.path_parameters and "path" not in wrong:
        case.path_parameters |= {name: names[name] for name in case.path_parameters}
    if op.match and "header" not in wrong:
        case.headers["If-Match"] = "*"
    if example and not wrong:
        case.query = {}
        if op.body is not None:
            case.body = dict(op.example)


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("op", FINITE, ids=lambda op: op.name)
def test_the_answers_are_those_that_are_described(schema, token, names, op, mode):
    described, statuses = schema[op.path][op.method], []

    @EVERY_CHECK
    @given(
        case=described.as_strategy(generation_mode=mode), known=st.sampled_from([True, True, False]), ours=st.booleans()
    )
    def check(case, known, ours):
        first = not statuses  # what the document shows is tried in any case
        if known or first:
            in_the_office(case, names, op, example=ours or first)
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {token}"})
        statuses.append(answer.status_code)

    check()
    if mode is GenerationMode.POSITIVE:
        assert any(200 <= status < 300 for status in statuses), f"nothing was done: {statuses}"
