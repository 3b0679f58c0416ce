"""Renews the texts of the web pages for translation: `python docs/translate.py`.

It finds all texts that the pages mark, writes them into the template of catalogues (`fshunt.pot`), and adds those that
are new to the catalogue of each language, where a person translates them. A test fails where a catalogue is not what
this would write, or lacks a text.
"""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages import pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir

WEB = Path(__file__).parents[1] / "fshunt" / "web"
TEMPLATE = WEB / "translations" / "fshunt.pot"
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
OPTIONS = {"**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS = {**DEFAULT_KEYWORDS, "lazy_gettext": None}


def template() -> Catalog:
    """Return all texts that the pages mark."""
    catalog = Catalog(project="fshunt", charset="utf-8")
    found = extract_from_dir(str(WEB), METHODS, OPTIONS, keywords=KEYWORDS)
    for _file, _line, message, _comments, context in found:
        catalog.add(message, context=context)
    return catalog


def catalogues() -> list[Path]:
    """Return the catalogue of each language."""
    return sorted(TEMPLATE.parent.glob("*/LC_MESSAGES/fshunt.po"))


def renewed(file: Path, texts: Catalog) -> Catalog:
    """Return a catalogue with all texts: what is new is empty, what is gone is left out."""
    with file.open("rb") as said:
        catalog = pofile.read_po(said, locale=file.parts[-3])
    catalog.update(texts, no_fuzzy_matching=True, update_header_comment=False)
    catalog.obsolete.clear()
    return catalog


def as_text(catalog: Catalog) -> str:
    """Return a catalogue as its file has it: sorted, without dates and lines, so that two changes rarely collide."""
    written = io.BytesIO()
    pofile.write_po(written, catalog, no_location=True, sort_output=True, omit_header=True, width=120)
    plural = f'"Plural-Forms: {catalog.plural_forms}\\n"\n' if catalog.locale else ""
    header = f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n{plural}\n'
    return header + written.getvalue().decode()


def main() -> None:
    """Renew the template and all catalogues."""
    texts = template()
    TEMPLATE.write_text(as_text(texts), encoding="utf-8")
    for file in catalogues():
        file.write_text(as_text(renewed(file, texts)), encoding="utf-8")


if __name__ == "__main__":
    main()
