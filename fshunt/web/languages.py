"""The languages of the pages: English is the source, and a gettext catalogue (`translations/`) has each other one.

Catalogues are read as text when the process starts, so there is no compiled file that could be out of date.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import flask_babel
from babel import Locale, UnknownLocaleError, support
from babel.messages import mofile, pofile
from flask import Flask, g, has_request_context, request

DOMAIN = "fshunt"
FOLDER = Path(__file__).parent / "translations"
SOURCE = "en"
LANGUAGES = {"en": "English", "de": "Deutsch"}
"""The languages, each by its own name."""

FORMATS = {"en": "en_GB", "de": "de_DE"}
"""Where a browser names no region, its dates are written as there."""


def catalogue_file(language: str) -> Path:
    """Return the file of a language's texts."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


@cache
def _catalogue(language: str) -> support.NullTranslations:
    file = catalogue_file(language)
    if language == SOURCE or not file.exists():
        return support.NullTranslations()
    compiled = io.BytesIO()
    with file.open("rb") as text:
        mofile.write_mo(compiled, pofile.read_po(text, locale=language))
    compiled.seek(0)
    return support.Translations(compiled, domain=DOMAIN)


class _Texts(flask_babel.Domain):  # type: ignore[misc]  # it ships no types
    def get_translations(self) -> support.NullTranslations:
        return _catalogue(language_now())


class _Babel(flask_babel.Babel):  # type: ignore[misc]
    """Flask-Babel, with our own catalogues."""

    texts = _Texts(domain=DOMAIN)

    @property
    def domain_instance(self) -> flask_babel.Domain:
        """The texts of all pages."""
        return self.texts


def install(app: Flask) -> None:
    """Have the texts of an application in the reader's language."""
    _Babel(app, default_domain=DOMAIN, locale_selector=language_now)
    for language in LANGUAGES:
        _catalogue(language)


def language_now() -> str:
    """Return the language of this request: the user's choice, else the browser's wish."""
    if not has_request_context():
        return SOURCE
    chosen = g.get("language")
    if chosen in LANGUAGES:
        return str(chosen)
    return request.accept_languages.best_match(list(LANGUAGES), SOURCE)


def format_locale() -> Locale:
    """Return the locale of dates and numbers: the language, in the region that the browser names."""
    language = language_now()
    for wish, _quality in request.accept_languages:
        if wish.lower().startswith(f"{language}-"):
            try:
                return Locale.parse(wish, sep="-")
            except (UnknownLocaleError, ValueError):
                continue
    return Locale.parse(FORMATS[language])
