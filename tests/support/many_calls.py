"""Fills a database with as many calls as a test wants, by one statement for each table.

A call every 20 s back from now, two offers each and a skip for every second one; one in a hundred has failed, one in a
thousand is of another domain. All have ended but the newest three. And as many changes of groups.
"""

from __future__ import annotations

from sqlalchemy import Engine, text

OTHER_DOMAIN = "rare.test"

_NUMBERS = {
    "postgresql": "generate_series(1, {count}) AS numbers(n)",
    "sqlite": "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {count})"
    " SELECT n FROM numbers) AS numbers",
}
_AT = {
    "postgresql": "now() - interval '20 seconds' * n + interval '{seconds} seconds'",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', (-20 * n + {seconds}) || ' seconds')",
}
_CALLS = (
    "id, uuid, domain, pilot, group_name, policy, caller_number, caller_name, started_at, answered_at, ended_at, "
    "end_seen, result, reason, answered_by, destination, policy_input, node, run_id"
)
_OFFERS = "id, call_id, stage, cycle, position, extension, phones, ring_seconds, started_at, ended_at, outcome"
_SKIPS = "id, call_id, stage, cycle, position, extension, reason, at"
_CHANGES = "at, actor, entrance, domain, pilot, group_id, subject, subject_key, action"
_HEX = {"postgresql": "lpad(to_hex({number}), {width}, '0')", "sqlite": "printf('%0{width}x', {number})"}


def fill(engine: Engine, count: int) -> None:
    """Write so many calls with their offers and skips, and changes, and have the planner look at them."""
    dialect = engine.dialect.name
    numbers = _NUMBERS[dialect].format(count=count)

    def at(seconds: float) -> str:
        return _AT[dialect].format(seconds=seconds)

    def hexed(number: str, width: int) -> str:
        return _HEX[dialect].format(number=number, width=width)

    # Scattered as real uuids are: the multiplier is odd, so no two are the same.
    uuid = f"{hexed('(n * 2654435761) % 4294967296', 8)} || '-0000-4000-8000-' || {hexed('n', 12)}"
    number = hexed("n", 10)
    domain = f"CASE n % 1000 WHEN 1 THEN '{OTHER_DOMAIN}' ELSE 'pbx.test' END"
    result = "CASE n % 100 WHEN 0 THEN 'failed' ELSE 'answered' END"
    calls = (
        f"'hunt-' || {number}, {uuid}, {domain}, '50' || {hexed('n % 16', 2)}, 'Sales', 'circular', "
        f"'+1415555' || (n % 10000), 'Caller', {at(0)}, {at(5)}, CASE WHEN n > 3 THEN {at(60)} END, true, {result}, "
        "NULL, '1001', NULL, NULL, 'pbx1', 'run'"
    )
    statements = [f"INSERT INTO calls ({_CALLS}) SELECT {calls} FROM {numbers}"]
    for which in (1, 2):
        place = f"'offer{which}' || {number}, 'hunt-' || {number}, {which}, 1, {which}, '100{which}'"
        offers = f"{place}, 1, 18, {at(0)}, {at(5)}, 'no-answer'"
        statements.append(f"INSERT INTO offers ({_OFFERS}) SELECT {offers} FROM {numbers}")
    skips = f"'skip' || {number}, 'hunt-' || {number}, 3, 1, 3, '1003', 'on-call', {at(1)}"
    statements.append(f"INSERT INTO skips ({_SKIPS}) SELECT {skips} FROM {numbers} WHERE n % 2 = 0")
    changes = f"{at(0)}, 'ana', 'page', {domain}, '50' || {hexed('n % 16', 2)}, 100 + n % 16, 'group', 'name', 'set'"
    statements.append(f"INSERT INTO changes ({_CHANGES}) SELECT {changes} FROM {numbers}")
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement.replace(":%", r"\:%")))
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("ANALYZE"))
