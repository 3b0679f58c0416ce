"""The file of `fs_cli`: what it says is found as `fs_cli` finds it, and only that is changed."""

from __future__ import annotations

import pytest

from fshunt.freeswitch.fs_cli_conf import USUAL, can_say, values_of, with_values

WANTED = {"host": "127.0.0.1", "port": "8021", "password": "drawn-for-this-run"}
ELSEWHERE = {"host": "192.0.2.1", "port": "8022", "password": "p"}


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("", USUAL["password"]),
        ("password => lost\n", USUAL["password"]),
        ("[pbx]\npassword => first\n[other]\npassword => x\n", "first"),
        ("[pbx]\npassword => first\n[default]\npassword=of default\n", "of default"),
        ("[default]\n# password => no\n; password => no\n  PASSWORD  =>  two  ;; a comment\nhost => h\n", "two"),
        ("[default]\r\npassword => crlf\r\n", "crlf"),
        ("[default]\npassword => one\n__END__\npassword => two\n", "one"),
    ],
)
def test_the_default_profile_counts_or_else_the_first(text, password):
    assert values_of(text)["password"] == password


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "[default]",
        "[default]\npassword => ClueCon\n",
        "[pbx]\nhost => 192.0.2.1\nloglevel => 3\n[other]\npassword => stays\n",
        "[other]\npassword => stays\n[default]\nport => 9\n",
    ],
)
@pytest.mark.parametrize("values", [WANTED, ELSEWHERE])
def test_what_is_written_is_what_fs_cli_reads_and_all_else_stays(text, values):
    written = with_values(text, values)
    assert values_of(written) == values
    assert with_values(written, values) == written
    for line in text.splitlines():
        assert line in written or line.split(" ")[0] in values
    assert ("password => stays" in text) == ("password => stays" in written)


@pytest.mark.parametrize("value", ["", " x", "x\n", "a;;b", "x" * 200])
def test_what_cannot_stand_in_the_file(value):
    assert not can_say(value)
    assert can_say("a;b=c>#[d]")
