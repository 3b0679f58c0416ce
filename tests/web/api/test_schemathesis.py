"""Schemathesis sends what the OpenAPI document allows, and what it does not, and compares the answers with it."""

from __future__ import annotations

import hypothesis
import pytest
import schemathesis
from hypothesis import given
from schemathesis import GenerationMode

from fshunt.services import accounts
from fshunt.services.users import Scope
from fshunt.web.api.operations import OPERATIONS
from fshunt.web.api.rate_limit import RateLimit
from tests.web.people import PROVIDER

EXAMPLES = 10
"""For each operation, and as many again of what does not fit the document."""

REFUSED = [400, 401, 404, 405, 406, 409, 412, 413, 415, 422, 428]
EVERY_CHECK = hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[*hypothesis.HealthCheck],
)


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


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_answers_are_those_that_are_described(schema, token, mode):
    finite = [op for op in OPERATIONS if not op.stream]
    for op in sorted(finite, key=lambda op: op.method == "DELETE"):
        described = schema[op.path][op.method]

        @EVERY_CHECK
        @given(case=described.as_strategy(generation_mode=mode))
        def check(case):
            case.call_and_validate(headers={"Authorization": f"Bearer {token}"})

        check()
