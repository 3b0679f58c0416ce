"""Every sentence that the code can say is in the catalogue, so it is shown in the reader's language."""

from __future__ import annotations

import re

import pytest

from fshunt.services.live import NOBODY_WATCHES
from fshunt.services.questions import NO_ANSWER, NO_DAEMON, TOO_MANY
from fshunt.web.sentences import entry_of, in_language, texts_for
from tests.web.people import Browser
from tests.web.raised import ROOT, VALUE, WORDS_OF_ENUMS, modules

WARN = {
    "beyond",
    "_beyond_members",
    "_beyond_ring_time",
    "warnings",
    "loop_warnings",
    "warnings_of",
    "_sentences",
    "_remarks",
    "not_honoured",
    "ask",
}
"""Functions that return sentences without raising them."""
NOT_FOR_PEOPLE = {
    ("services/switch_checks.py", "The question"): "a mistake of the code, which no input makes",
    ("services/domains.py", VALUE): "only the command line renames domains",
    ("services/domains.py", "There is a domain"): "only the command line renames domains",
    ("services/domains.py", "Extension"): "only the command line renames domains",
    ("services/notices.py", "No message"): "only the command line sends messages again",
    ("services/switch_checks.py", "FreeSWITCH at"): "only the command line has switches load their files",
    ("services/pilot_tables.py", "The database has no id"): "only the command line writes the table of pilots",
    ("services/phone_features.py", ""): "only feature codes ask for it, and the log says it",
    ("hunting/features.py", ""): "only settings have feature codes",
    ("services/setup_files.py", ""): "only the command line sets fshunt up",
    ("services/setup_apply.py", ""): "only the command line sets fshunt up",
    ("services/setup_call.py", ""): "only the command line sets fshunt up",
    ("services/whole_files.py", ""): "only the command line writes files",
}
"""What no page shows: the module and the beginning of the sentence, and why."""


def sentences() -> dict[str, str]:
    found: dict[str, str] = {}
    for module in modules("services", "hunting", "notices", "db/queries", "web"):
        place = str(module.path.relative_to(ROOT))
        if place.startswith("web/api/"):
            continue  # programs are answered in English
        said = [*module.raised(), *(each for name in WARN & set(module.functions) for each in module.texts_in(name))]
        for line, sentence in said:
            if not any((place, text) for (of, text) in NOT_FOR_PEOPLE if of == place and sentence.startswith(text)):
                found.setdefault(sentence, f"{place}:{line}")
    return found


SAID = sentences() | {
    f"Voicemail box 1001 of {VALUE}: not checked ({why}).": "services/questions.py"
    for why in (NO_DAEMON, NO_ANSWER.replace("6", VALUE), TOO_MANY)
}


def what_is_missing(sentence: str, texts: tuple[str, ...] | None = None) -> str | None:
    """Return the part of a sentence that no entry of the catalogue is; None: there is none."""
    if not re.search(r"[a-z]{2}", sentence.replace(VALUE, "")):
        return None
    entry = entry_of(sentence) if texts is None else entry_of(sentence, texts)
    if entry is None:
        return sentence
    for hole, value in entry[1].items():
        inner = texts_for(hole)
        if inner is not None and (missing := what_is_missing(value, inner)):
            return missing
        if inner is None and not is_value(value):
            return f"{sentence}: {value}"
    return None


def is_value(text: str) -> bool:
    """Whether text in a hole is a value, or one of the words that are the same in all languages."""
    bare = re.sub(r"`[^`]*`", "", text.replace(VALUE, ""))
    return text.strip("':") in WORDS_OF_ENUMS or not re.search(r"[A-Za-z]{2}", bare)


def test_sentences_are_found_in_the_source() -> None:
    assert len(SAID) > 150
    assert "The name or the password is wrong." in SAID
    assert any(place.startswith("hunting/group.py") for place in SAID.values()), "warnings are found, too"


@pytest.mark.parametrize("sentence", sorted(SAID))
def test_every_sentence_is_in_the_catalogue(sentence: str) -> None:
    missing = what_is_missing(sentence)
    assert missing is None, f"{SAID[sentence]}: not in fshunt/web/sentence_texts.py: {missing}"


def test_a_sentence_that_is_not_in_the_catalogue_is_found() -> None:
    assert what_is_missing(f"Nobody has written this of {VALUE}.") is not None
    assert what_is_missing(f"There is no user {VALUE}: nobody has written this.") is not None


def test_english_is_what_the_service_says(browser: Browser) -> None:
    with browser.client.application.test_request_context("/", headers={"Accept-Language": "en"}):
        for sentence in SAID:
            assert in_language(sentence) == sentence


GERMAN = (
    "Seit Änderung 4 hat jemand anderes etwas geändert (Mitglied 1): `a` wurde auf 5 gesetzt und ist jetzt nicht "
    "gesetzt; `b` wurde auf 3 gesetzt und ist jetzt 4."
)
OVERWRITTEN = (
    "Somebody has changed member 1 since change 4: `a` was set to 5 and is not set now; `b` was set to 3 and is 4 now.",
    GERMAN,
)


@pytest.mark.parametrize(
    ("english", "german"),
    [
        OVERWRITTEN,
        (
            "There is no group 7000 in pbx.test: did you mean 5000 or 5001?",
            "Es gibt keine Gruppe 7000 in pbx.test: war 5000 oder 5001 gemeint?",
        ),
        (
            "Your role (admin) does not allow you to add a group.",
            "Ihre Rolle (Gruppenverwalter) erlaubt Ihnen nicht, eine Gruppe hinzuzufügen.",
        ),
        (
            "Voicemail box 1001 of pbx.test: not found (user 1001@pbx.test is not in the directory).",
            "Voicemail-Box 1001 von pbx.test: nicht gefunden (Benutzer 1001@pbx.test ist nicht im Verzeichnis).",
        ),
        (NOBODY_WATCHES, "Kein Daemon meldet, was eine Anlage sieht: die Zustände sind nur die der Datenbank."),
        ("Whatever else there is.", "Whatever else there is."),
    ],
)
def test_sentences_in_german(browser: Browser, english: str, german: str) -> None:
    with browser.client.application.test_request_context("/", headers={"Accept-Language": "de"}):
        assert in_language(english) == german
