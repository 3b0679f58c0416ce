"""Each wrong word is refused with one sentence and the right exit code, and nothing is changed (see Fshunt.refused)."""

import socket

import pytest

USAGE, FAILURE = 2, 1
DIAL_STRING_CHARACTERS = [
    "'",
    '"',
    "$",
    "${x}",
    "{",
    "}",
    "[",
    "]",
    "|",
    "\\",
    "\n",
    "\r",
    "\t",
    "\0",
    ";",
    "`",
    "^",
    "<",
]


def test_an_unknown_pilot(office):
    verbs = [("group", verb) for verb in ("show", "enable", "disable", "remove")]
    members = [("member", verb) for verb in ("remove", "enable", "disable")]
    many = [(*verb, "5009") for verb in [*verbs, ("member", "list")]]
    many += [(*verb, "5009", "1001") for verb in [*members, ("member", "add")]]
    many += [("group", "set", "5009", "--name", "Shop"), ("member", "move", "5009", "1001", "1")]
    many += [("member", "set", "5009", "1001", "--weight", "2")]
    for sentence in office.all_refused(FAILURE, many):
        assert sentence == "There is no group 5009 in pbx.test: did you mean 5000?"


def test_an_unknown_pilot_to_renumber(office):
    assert "There is no group 5009" in office.refused(FAILURE, "group", "renumber", "5009", "5010")


def test_an_unknown_domain(office):
    assert "There is no domain pbx.tset: did you mean pbx.test?" in office.refused(
        FAILURE, "group", "show", "5000", "--domain", "pbx.tset"
    )


def test_an_extension_that_is_none(office):
    wrong = ["10 01", "", "-1", "1001@", "1001@car rier", "+", "++1", "1+", "1001@a@b", "1001,1002"]
    for sentence in office.all_refused(USAGE, [("member", "add", "5000", "--", ext) for ext in wrong]):
        assert "Invalid value for 'EXT" in sentence


@pytest.mark.parametrize(
    "words",
    [
        ("group", "add", "50{}00"),
        ("group", "renumber", "5000", "50{}01"),
        ("group", "set", "5000", "--name", "Sa{}les"),
        ("group", "set", "5000", "--prefix", "Sa{}les"),
        ("group", "set", "5000", "--voicemail", "10{}05"),
        ("group", "set", "5000", "--music", "local_stream://mo{}h"),
        ("group", "set", "5000", "--policy", "regul{}ar"),
        ("group", "set", "5000", "--on-no-answer", "voicemail:10{}05"),
        ("group", "set", "5000", "--on-busy", "transfer:50{}01"),
        ("group", "set", "5000", "--on-unreachable", "hangup:USER{}_BUSY"),
        ("group", "add", "5001", "--domain", "pbx{}.test"),
        ("member", "add", "5000", "10{}09"),
        ("member", "add", "5000", "+1415{}5550123@carrier"),
        ("member", "add", "5000", "+14155550123@car{}rier"),
        ("member", "block", "10{}01"),
    ],
    ids=" ".join,
)
def test_a_dial_string_character_in_any_field(office, words):
    office.all_refused(USAGE, [[word.replace("{}", char) for word in words] for char in DIAL_STRING_CHARACTERS])


def test_a_policy_that_does_not_exist_names_the_nearest(office):
    wrong = ["cirular", "Circular", "roundrobin"]
    sentences = office.all_refused(USAGE, [("group", "set", "5000", "--policy", policy) for policy in wrong])
    for policy, sentence in zip(wrong, sentences, strict=True):
        assert f"'{policy}' is not a policy: did you mean" in sentence


def test_a_policy_like_none_lists_all(office):
    assert "use regular, circular, round-robin" in office.refused(USAGE, "group", "add", "5001", "--policy", "x")


def test_a_destination_that_is_none(office):
    wrong = ["1005", "voicemail:", "mail:1005", "transfer", "hangup:busy", "hangup", "transfer:a b", ""]
    for sentence in office.all_refused(USAGE, [("group", "set", "5000", "--on-busy", dest) for dest in wrong]):
        assert "'--on-busy'" in sentence or sentence.startswith("--on-busy must")


def test_a_cause_that_freeswitch_does_not_know(office):
    sentence = office.refused(USAGE, "group", "set", "5000", "--on-busy", "hangup:USER_BUZY")
    assert "did you mean USER_BUSY?" in sentence


@pytest.mark.parametrize("case", ["--on-no-answer", "--on-busy", "--on-unreachable"])
def test_a_group_that_would_send_its_callers_to_itself(office, case):
    round_in_circles = [
        ("group", "set", "5000", case, "transfer:5000"),
        ("group", "add", "5001", case, "transfer:5001"),
    ]
    for sentence in office.all_refused(USAGE, round_in_circles):
        assert "round in circles" in sentence
    office.run("group", "set", "5000", case, "transfer:5001")
    assert "round in circles" in office.refused(USAGE, "group", "renumber", "5000", "5001")


def test_a_position_out_of_range(office):
    wrong = ["0", "-1", "4", "first", "1.5"]
    office.all_refused(USAGE, [("member", "move", "5000", "1001", "--", position) for position in wrong])


@pytest.mark.parametrize("word", ["x", "0", "-1", "1.5", "\u0661", "9" * 5000], ids=lambda word: ascii(word[:5]))
def test_an_invalid_position_is_reported(office, word):
    many = [("member", "add", "5000", "1009", "--at", word), ("member", "move", "5000", "1001", "--", word)]
    for sentence in office.all_refused(USAGE, many):
        assert "is not a position: use a whole number from 1" in sentence
        assert "range" not in sentence


def test_a_position_out_of_range_for_a_new_member(office):
    office.all_refused(USAGE, [("member", "add", "5000", "1009", "--at", place) for place in ("0", "5", "x")])


def test_a_member_that_cannot_be_added(office):
    wrong = [("1002",), ("1009", "1009"), ("5000",)]
    office.all_refused(FAILURE, [("member", "add", "5000", *ext) for ext in wrong])


def test_an_invalid_member(office):
    verbs = ("remove", "enable", "disable")
    for sentence in office.all_refused(FAILURE, [("member", verb, "5000", "1004") for verb in verbs]):
        assert sentence.startswith("1004 is not a member of 5000: did you mean")


def test_somebody_in_no_group_cannot_be_blocked(office):
    assert office.refused(FAILURE, "member", "block", "1009").startswith("1009 is in no group of pbx.test")


def test_a_pilot_that_is_taken(office):
    office.run("group", "add", "5100")
    assert "Group 5000 of pbx.test exists already" in office.refused(FAILURE, "group", "add", "5000")
    assert "Group 5100 of pbx.test exists already" in office.refused(FAILURE, "group", "renumber", "5000", "5100")


@pytest.mark.parametrize(
    "whose", [("group", "set", "5000"), ("member", "set", "5000", "1001"), ("group", "add", "5001")]
)
def test_a_ring_time_that_is_none(office, whose):
    rings = [("--rings", wrong) for wrong in ("0", "101", "2.5")]
    seconds = [("--ring-seconds", wrong) for wrong in ("0.5", "601", "nan", "inf")]
    both = [("--rings", "3", "--ring-seconds", "18")]
    office.all_refused(USAGE, [(*whose, *words) for words in rings + seconds + both])


def test_a_members_ring_time_is_its_own_or_the_groups(office):
    assert "Use only one of --rings" in office.refused(
        USAGE, "member", "set", "5000", "1001", "--rings", "3", "--group-ring"
    )


def test_a_group_setting_out_of_range(office):
    wrong = [("--cycles", "0"), ("--cycles", "101"), ("--hunt-timeout", "0"), ("--hunt-timeout", "nan")]
    wrong += [("--hunt-timeout", "3601"), ("--wrap-up", "-1"), ("--name", "x" * 65), ("--name", "")]
    office.all_refused(USAGE, [("group", "set", "5000", *words) for words in [*wrong, ("--no-such", "1"), ()]])


def test_a_member_setting_out_of_range(office):
    wrong = [("--weight", "101"), ("--weight", "-1"), ("--weight", "x"), ()]
    office.all_refused(USAGE, [("member", "set", "5000", "1001", *words) for words in wrong])


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("grup", "list"), "`fshunt` has no command `grup` (did you mean `group`?)"),
        (("group", "lst"), "`fshunt group` has no command `lst` (did you mean `list`?)"),
        (("group", "show", "5000", "--jsn"), "--json"),
        (("group", "show"), "Missing argument 'PILOT'; see `fshunt group show --help`."),
        (("group", "show", "5000", "5001"), "unexpected extra argument"),
    ],
)
def test_an_unknown_word_suggests_the_nearest(office, words, hint):
    assert hint in office.refused(USAGE, *words)


def test_the_calls_of_a_pilot_that_never_was(office):
    assert office.refused(FAILURE, "call", "list", "5999") == (
        "There is no group 5999 in pbx.test, and no record of a call to it: there is 5000."
    )
    del office.env["FSHUNT_DEFAULT_DOMAIN"]
    for words in (("5999",), ("5999", "--since", "2h", "--json")):
        assert office.refused(FAILURE, "call", "list", *words) == (
            "There is no group 5999, and no record of a call to it: there is 5000."
        )


def test_the_calls_of_a_domain_that_never_was(office):
    for words in ((), ("5000",), ("--json",)):
        assert office.refused(FAILURE, "call", "list", *words, "--domain", "pbx.tset") == (
            "There is no domain pbx.tset, and no record of a call in it: did you mean pbx.test?"
        )


def test_a_time_that_is_none(office):
    wrong = ["soon", "2x", "", "2025-13-01", "99999999999d", "-2h"]
    sentences = office.all_refused(USAGE, [("call", "list", "--since", since) for since in wrong])
    for since, sentence in zip(wrong, sentences, strict=True):
        assert f"'{since}' is not a time: use an age such as 30m" in sentence


def test_a_limit_that_is_none(office):
    sentences = office.all_refused(USAGE, [("call", "list", "--limit", limit) for limit in ("0", "-1", "x")])
    assert sentences[0] == "--limit must be from 1 to 100000, not 0; see `fshunt call list --help`."


def test_a_uuid_that_is_too_short(office):
    assert office.refused(USAGE, "call", "show", "3f2a9") == (
        "'3f2a9' is too short: use at least 6 characters of the call's uuid."
    )


def test_an_unknown_call(office):
    assert "no record of a call" in office.refused(FAILURE, "call", "show", "3f2a9c41")


READING = [
    ("group", "list"),
    ("group", "show", "5000"),
    ("group", "add", "5000"),
    ("group", "remove", "5000", "--yes"),
    ("member", "list", "5000"),
    ("member", "add", "5000", "1001"),
    ("member", "block", "1001"),
    ("call", "list"),
    ("call", "show", "3f2a9c41"),
    ("dialplan",),
]


def test_a_database_that_is_not_migrated(fshunt_on, empty_database_url):
    for sentence in fshunt_on(empty_database_url).all_refused(FAILURE, READING):
        assert "run `fshunt db upgrade`" in sentence


def test_a_database_that_cannot_be_reached(fshunt_on):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://fshunt:s3cret@127.0.0.1:{free.getsockname()[1]}/fshunt"
        for sentence in fshunt_on(url).all_refused(FAILURE, READING):
            assert sentence.startswith("The database fshunt on 127.0.0.1")
            assert "s3cret" not in sentence


def test_a_database_of_a_kind_that_is_not_supported(fshunt_on):
    sentence = fshunt_on("mysql://fshunt:s3cret@db/fshunt").refused(FAILURE, "group", "list")
    assert "s3cret" not in sentence


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("domain = ", "is not valid TOML"),
        ('default_doman = "pbx.test"', "`default_doman` is not a setting (did you mean `default_domain`?)."),
        ("seconds_per_ring = 'six'", "`seconds_per_ring` must be seconds from 0.1 to 60, not 'six'."),
    ],
)
@pytest.mark.parametrize("words", [("group", "list"), ("serve",), ("config", "check"), ("db", "upgrade")], ids=" ".join)
def test_a_broken_config_file(office, tmp_path, words, text, problem):
    file = tmp_path / "broken.toml"
    file.write_text(text)
    sentence = office.refused(FAILURE, *words, "--config", str(file))
    assert problem in sentence
    assert str(file) in sentence


def test_a_misspelt_variable(office):
    office.env["FSHUNT_SECONDSPERRING"] = "5"
    result = office.invoke("group", "list")
    assert (result.exit_code, result.stdout) == (FAILURE, "")
    assert result.stderr == (
        "Error: The environment variable `FSHUNT_SECONDSPERRING` is not a setting of fshunt"
        " (did you mean `FSHUNT_SECONDS_PER_RING`?).\n"
    )


def test_an_address_that_is_none(office):
    wrong = ["8084", "127.0.0.1", "127.0.0.1:99999", "a b:1"]
    for sentence in office.all_refused(USAGE, [("serve", "--listen", listen) for listen in wrong]):
        assert "The address to listen on must" in sentence


def test_to_listen_where_others_reach_needs_allowed_peers(office):
    assert "allowed_peers" in office.refused(FAILURE, "serve", "--listen", "0.0.0.0:0")


def test_the_database_is_no_option(office):
    office.refused(USAGE, "group", "list", "--database-url", "sqlite:////tmp/x.db")


def test_a_misspelt_option_is_answered_with_the_nearest(office):
    assert office.refused(USAGE, "group", "set", "5000", "--polcy", "uniform") == (
        "`fshunt group set` has no option `--polcy` (did you mean `--policy`?); see `fshunt group set --help`."
    )
    assert office.refused(USAGE, "member", "list", "5000", "--jsn").startswith(
        "`fshunt member list` has no option `--jsn` (did you mean `--json`?)"
    )
    assert (
        office.refused(USAGE, "status", "--zzz") == "`fshunt status` has no option `--zzz`; see `fshunt status --help`."
    )
