from xml.etree import ElementTree

import pytest

from fshunt.simulator.switch import SimulatedSwitch
from tests.support.ports import held_port, number_of
from tests.support.threaded_switch import simulated_switch


def pilots(text: str) -> list[str]:
    """The extensions of a dialplan for pilots; the one for feature codes is always the last."""
    *names, codes = [name for each in ElementTree.fromstring(text) if (name := each.get("name"))]
    assert codes == "fshunt-features"
    return names


def voicemails(text: str) -> list[str]:
    return [
        each.get("data")
        for each in ElementTree.fromstring(text).iter("action")
        if each.get("application") == "voicemail"
    ]


def test_each_pilot_falls_back_on_its_own_groups_box(office):
    office.run("group", "add", "5100", "--voicemail", "1009")
    text = office.run("dialplan").stdout
    assert pilots(text) == ["fshunt-pbx.test-5000", "fshunt-pbx.test-5100"]
    assert voicemails(text) == ["default pbx.test 1003", "default pbx.test 1009"]


def test_the_settings_name_the_controllers_the_profile_and_the_last_box(office):
    office.env |= {"FSHUNT_CONTROLLERS": "192.0.2.1:8084,pbx-2.test:8085", "FSHUNT_VOICEMAIL_PROFILE": "office"}
    office.run("group", "add", "5100")
    text = office.run("dialplan").stdout
    assert "192.0.2.1:8084|pbx-2.test:8085 async full" in text
    assert voicemails(text) == ["office pbx.test 1003"]
    office.env["FSHUNT_FALLBACK_BOX"] = "1099"
    assert voicemails(office.run("dialplan").stdout) == ["office pbx.test 1003", "office pbx.test 1099"]


def test_one_domain_is_written_where_one_is_named_else_all(office):
    office.run("group", "add", "7000", "--domain", "b.test")
    assert pilots(office.run("dialplan").stdout) == ["fshunt-pbx.test-5000"]
    assert pilots(office.run("dialplan", "--domain", "b.test").stdout) == ["fshunt-b.test-7000"]
    del office.env["FSHUNT_DEFAULT_DOMAIN"]
    assert pilots(office.run("dialplan").stdout) == ["fshunt-b.test-7000", "fshunt-pbx.test-5000"]


def test_a_file_is_replaced_whole_and_can_be_read_by_freeswitch(office, tmp_path):
    out = tmp_path / "10_fshunt.xml"
    out.write_text("old")
    result = office.run("dialplan", "--out", str(out))
    assert result.stdout == f"Wrote the dialplan of 5000 to {out}.\n"
    assert out.read_text() == office.run("dialplan").stdout
    assert out.stat().st_mode & 0o777 == 0o644
    assert sorted(tmp_path.glob("*.xml*")) + sorted(tmp_path.glob(".*")) == [out]


def test_a_file_that_cannot_be_written_is_left_as_it_was(office, tmp_path, monkeypatch):
    out = tmp_path / "10_fshunt.xml"
    out.write_text("old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fshunt.services.whole_files.os.fsync", full)
    assert office.refused(1, "dialplan", "--out", str(out)) == f"{out} cannot be written: No space left on device."
    assert out.read_text() == "old"
    assert sorted(tmp_path.glob(".*")) == []


def test_a_missing_folder_is_reported(office, tmp_path):
    out = tmp_path / "no" / "fshunt.xml"
    assert office.refused(1, "dialplan", "--out", str(out)) == f"{out} cannot be written: No such file or directory."


def test_without_groups_the_file_has_no_pilot_and_a_warning_says_so(fshunt):
    del fshunt.env["FSHUNT_DEFAULT_DOMAIN"]
    result = fshunt.run("dialplan")
    assert pilots(result.stdout) == []
    assert "No groups yet" in result.stderr


@pytest.mark.parametrize("broken", ["FSHUNT_CONTROLLERS", "FSHUNT_FALLBACK_BOX"])
def test_wrong_settings_write_nothing(office, tmp_path, broken):
    out = tmp_path / "fshunt.xml"
    result = office.invoke("dialplan", "--out", str(out), "--config", str(tmp_path / "none.toml"))
    assert result.exit_code == 1
    office.env[broken] = "a b"
    result = office.invoke("dialplan", "--out", str(out))
    assert (result.exit_code, result.stdout) == (1, "")
    assert not out.exists()


def nothing_to_set(_switch: SimulatedSwitch):
    return lambda: True


def test_the_switches_load_the_file(office, tmp_path):
    out = tmp_path / "10_fshunt.xml"
    with simulated_switch(tmp_path, nothing_to_set) as setting:
        office.env["FSHUNT_SWITCH"] = setting
        address = setting.partition("=")[0]
        assert office.run("dialplan", "--out", str(out), "--reload").stdout.splitlines()[1:] == [
            f"FreeSWITCH has loaded it: {address}."
        ]
        assert office.json("dialplan", "--out", str(out), "--reload")["loaded_by"] == [address]


def test_a_switch_that_does_not_load_it_is_named_and_the_file_is_there(office, tmp_path):
    (tmp_path / "password").write_text("s3cret")
    out = tmp_path / "10_fshunt.xml"
    with held_port() as held:
        address = f"127.0.0.1:{number_of(held)}"
        office.env["FSHUNT_SWITCH"] = f"{address}={tmp_path / 'password'}"
        said = office.refused(1, "dialplan", "--out", str(out), "--reload")
    assert said.startswith(f"{out} is written, but switch {address} has not loaded its files: ")
    assert pilots(out.read_text()) == ["fshunt-pbx.test-5000"]


def test_reload_needs_a_file_and_a_switch(office, tmp_path):
    assert office.refused(2, "dialplan", "--reload").startswith("--reload needs --out FILE")
    said = office.refused(2, "dialplan", "--out", str(tmp_path / "a.xml"), "--reload")
    assert said.startswith("--reload needs a [[switch]] in the settings")
    assert not (tmp_path / "a.xml").exists()


def test_the_dialplan_of_the_table_needs_neither_groups_nor_a_database(fshunt, tmp_path):
    fshunt.env["FSHUNT_DATABASE_URL"] = f"sqlite:///{tmp_path}/none.db"
    text = fshunt.run("dialplan", "--table").stdout
    assert pilots(text) == ["fshunt-pilots"]
    assert "db(select/fshunt/${destination_number}" in text
    out = tmp_path / "00_fshunt.xml"
    assert (
        fshunt.run("dialplan", "--table", "--out", str(out)).stdout == f"Wrote the dialplan of all pilots to {out}.\n"
    )
    assert out.read_text() == text


def test_the_table_is_for_all_domains(office):
    result = office.invoke("dialplan", "--table", "--domain", "pbx.test")
    assert result.exit_code == 2
    assert result.stderr == "Error: --table is for the pilots of all domains: leave --domain out.\n"
