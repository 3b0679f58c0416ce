from pathlib import Path

from .conftest import content_of


def test_upgrade_reports_each_migration_and_then_that_it_is_up_to_date(fshunt_on, empty_database_url):
    fshunt = fshunt_on(empty_database_url)
    first = fshunt.run("db", "upgrade").stdout.splitlines()
    assert first[0].startswith("Upgraded to 0001")
    assert first[-1].endswith("is up to date.")
    assert len(fshunt.run("db", "upgrade").stdout.splitlines()) == 1
    fshunt.run("group", "add", "5000")


def test_check_of_a_database_that_is_not_migrated(fshunt_on, empty_database_url):
    fshunt = fshunt_on(empty_database_url)
    assert "run `fshunt db upgrade`." in fshunt.refused(1, "db", "check")
    result = fshunt.invoke("db", "check", "--json")
    assert result.exit_code == 1
    assert '"ok": false' in result.stdout


def test_check_of_a_database_that_is_up_to_date(fshunt, database_url):
    assert "up to date" in fshunt.run("db", "check").stdout
    found = fshunt.json("db", "check")
    assert found["ok"] is True
    assert f"Its id is {found['id']}, " in fshunt.run("db", "check").stdout
    assert fshunt.json("db", "upgrade")["id"] == found["id"]


def test_the_password_is_not_shown(fshunt_on):
    fshunt = fshunt_on("postgresql://fshunt:s3cret@127.0.0.1:1/fshunt")
    for words in (["db", "check"], ["db", "check", "--json"], ["db", "upgrade"], ["config", "check"]):
        result = fshunt.invoke(*words)
        assert result.exit_code == 1
        assert "s3cret" not in result.output


def test_upgrade_in_a_folder_that_is_not_there(fshunt_on, tmp_path):
    missing = tmp_path / "no" / "such" / "fshunt.db"
    assert str(missing) in fshunt_on(f"sqlite:///{missing}").refused(1, "db", "upgrade")
    assert not Path(missing).exists()


def test_check_of_a_database_that_cannot_be_written(fshunt, unwritable):
    assert unwritable in fshunt.refused(1, "db", "check")
    result = fshunt.invoke("db", "check", "--json")
    assert (result.exit_code, content_of(result.stdout)["ok"]) == (1, False)


def test_a_command_says_which_database_it_uses_where_the_file_names_another(fshunt, tmp_path):
    file = tmp_path / "fshunt.toml"
    file.write_text('database_url = "sqlite:////nowhere/other.db"')
    said = fshunt.run("group", "list", "--config", str(file)).stderr
    assert said.count("\n") == 1
    assert said.startswith("Warning: FSHUNT_DATABASE_URL is set: this uses the database ")
    assert said.endswith(f", not the `database_url` of {file}.\n")
    assert fshunt.run("group", "list", "--config", str(file), "--json").stderr == ""
    assert fshunt.run("group", "list").stderr == ""
