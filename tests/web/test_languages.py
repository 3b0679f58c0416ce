"""The texts of the pages: every one is marked, and German is complete."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Message

from fshunt.web import languages
from fshunt.web.times import when, zone
from tests.support.documents import script
from tests.web.people import ADMIN, Browser

TRANSLATE: Any = script("translate")
TEXTS = TRANSLATE.template()
WEB = Path(languages.__file__).parent
HOLES = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
NO_TEXT = re.compile(r"\{% block body_class %\}[^{]*|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))


def texts_of(language: str) -> dict[str, Message]:
    catalogue = TRANSLATE.renewed(languages.catalogue_file(language), TEXTS)
    return {str(message.id): message for message in catalogue if message.id}


def test_the_files_are_those_that_the_script_writes() -> None:
    said = "run `python docs/translate.py`"
    assert TRANSLATE.TEMPLATE.read_text() == TRANSLATE.as_text(TEXTS), said
    for file in TRANSLATE.catalogues():
        assert file.read_text() == TRANSLATE.as_text(TRANSLATE.renewed(file, TEXTS)), said


def test_every_language_but_the_source_has_a_catalogue() -> None:
    assert {file.parts[-3] for file in TRANSLATE.catalogues()} == set(languages.LANGUAGES) - {languages.SOURCE}


@pytest.mark.parametrize("language", sorted(set(languages.LANGUAGES) - {languages.SOURCE}))
def test_a_language_has_every_text_and_each_of_its_holes(language: str) -> None:
    for text, message in texts_of(language).items():
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(forms), f"not translated: {text}"
        assert not message.fuzzy, f"fuzzy: {text}"
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        for form in forms:
            assert set(HOLES.findall(form)) == set(HOLES.findall(ids[-1])), text


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_no_template_has_a_text_that_is_not_marked(file: Path) -> None:
    source = re.sub(
        r"\{% block body_class %\}[^{]*|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", file.read_text(), flags=re.DOTALL
    )
    words = re.sub(r"<[^>]*>", "\n", source)
    assert not set(re.findall(r"[A-Za-z]{2,}", words)) - {"fshunt"}
    assert not re.findall(r'(?:alt|title|placeholder|aria-label|data-label)="[^"{]+"', source)


@pytest.mark.parametrize(
    ("wish", "language"),
    [("de-CH,de;q=0.9,en;q=0.5", "de"), ("fr, en;q=0.5", "en"), ("fr", "en"), ("", "en"), ("en, de;q=0.9", "en")],
)
def test_the_pages_are_in_the_language_that_the_browser_wishes(browser: Browser, wish: str, language: str) -> None:
    page = browser.get("/sign-in", **{"Accept-Language": wish}).text
    assert f'<html lang="{language}">' in page
    assert ("Anmelden" if language == "de" else "Sign in") in page


def test_the_sentences_of_services_are_in_the_readers_language(browser: Browser) -> None:
    browser.get("/sign-in")
    german = {"Accept-Language": "de"}
    page = browser.send("/sign-in", {"name": ADMIN, "password": "not the password"}, **german).text
    assert "Der Name oder das Passwort ist falsch." in page
    browser.sign_in(ADMIN)
    assert "Es gibt keine Gruppe 7000 in pbx.test." in browser.get("/groups/pbx.test/7000", **german).text


@pytest.mark.parametrize(
    ("wish", "shown"),
    [("en-US", "Mar 31, 2026, 9:00:00"), ("en", "31 Mar 2026, 09:00:00"), ("de", "31.03.2026, 09:00:00")],
)
def test_times_are_written_as_in_the_readers_region(browser: Browser, wish: str, shown: str) -> None:
    at = datetime(2026, 3, 31, 7, 0, tzinfo=UTC)
    headers = {"Accept-Language": wish, "Cookie": "fshunt-zone=Europe/Berlin"}
    with browser.client.application.test_request_context("/", headers=headers):
        assert shown in when(at)
        assert 'datetime="2026-03-31T07:00:00.000Z"' in when(at)


def test_a_zone_that_is_none_is_that_of_the_server(browser: Browser) -> None:
    for said in ("../../etc/passwd", "Mars/Olympus", ""):
        with browser.client.application.test_request_context("/", headers={"Cookie": f"fshunt-zone={said}"}):
            assert zone() is None
