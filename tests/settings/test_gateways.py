"""The `[[gateway]]` tables: what external legs show."""

from pathlib import Path

import pytest

from fshunt.hunting.gateways import CallerIn, Gateway, gateway_named
from fshunt.settings import ROWS, SettingsError, load

TABLES = """
[[gateway]]
name = "carrier"
caller_id_number = "+14155559999"
caller_in = "p-asserted-identity"

[[gateway]]
name = "second"
inband_dtmf = true
"""

CARRIER = Gateway("carrier", "+14155559999", CallerIn.P_ASSERTED_IDENTITY)
SECOND = Gateway("second", inband_dtmf=True)


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> Path:
        file = tmp_path / "fshunt.toml"
        file.write_text(text)
        return file

    return write


def refusal(file: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(file, environ or {})
    return str(caught.value)


def test_the_tables_are_read(write):
    found = load(write(TABLES), {}).settings.gateway
    assert found == (CARRIER, SECOND)
    assert gateway_named("second", found) == SECOND
    assert gateway_named("third", found) == Gateway("third")


@pytest.mark.parametrize(
    ("said", "gateway"),
    [
        ("carrier:+14155559999:p-asserted-identity", CARRIER),
        ("second:inband_dtmf", SECOND),
        ("third:4930100", Gateway("third", "4930100")),
        ("third:diversion:inband_dtmf", Gateway("third", None, CallerIn.DIVERSION, True)),
        ("third", Gateway("third")),
    ],
)
def test_the_variable_is_over_the_tables(write, said, gateway):
    assert load(write(TABLES), {"FSHUNT_GATEWAY": said}).settings.gateway == (gateway,)


@pytest.mark.parametrize("gateway", [CARRIER, SECOND, Gateway("third"), Gateway("4", "4930", CallerIn.DIVERSION, True)])
def test_what_is_shown_can_be_read(gateway):
    row = ROWS["gateway"]
    assert row.kind.check(row.kind.show((gateway,))) == (gateway,)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('caller_in = "name"', "`gateway` has a table without `name`."),
        (
            'name = "a"\ncaler_in = "name"',
            "`gateway` has a table with the unknown key `caler_in` (did you mean `caller_in`?).",
        ),
        (
            'name = "a"\ncaller_in = "divertion"',
            (
                "`gateway` must have one of name, diversion, p-asserted-identity as `caller_in`, not 'divertion' "
                "(did you mean `diversion`?)."
            ),
        ),
        ('name = "a"\ninband_dtmf = "yes"', "`gateway` must have true or false as `inband_dtmf`, not 'yes'."),
        (
            'name = "a"\ncaller_id_number = "office"',
            (
                "`gateway`: 'office' is not an external number: "
                "2 to 20 digits, with a '+' in front if it is international."
            ),
        ),
        ("name = 1", "`gateway` must be a text in quotes, not 1."),
    ],
)
def test_a_wrong_table_is_reported_in_a_sentence(table, problem, write):
    file = write(f"[[gateway]]\n{table}")
    assert refusal(file) == f"{file}: {problem}"


@pytest.mark.parametrize("said", ["carrier:office", "a b", "carrier,carrier", ":4930"])
def test_a_wrong_variable_is_reported(said, write):
    assert refusal(write(""), {"FSHUNT_GATEWAY": said}).startswith("environment: `FSHUNT_GATEWAY`")


@pytest.mark.parametrize("text", ['gateway = "a"', "gateway = [1]", '[gateway]\nname = "a"'])
def test_other_values_than_tables_are_reported(text, write):
    assert "must be [[gateway]] tables" in refusal(write(text))
