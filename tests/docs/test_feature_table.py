"""The table of features names codes and places of pages that there are; `test_commands` looks at its commands."""

import re

from fshunt.settings import Settings
from fshunt.web.languages import FOLDER
from tests.support.documents import DOCS

PAGE = (DOCS / "feature-codes.md").read_text()
SECTION = PAGE.split("\n## The four ways\n")[1].split("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in SECTION.splitlines()
    if line.startswith("| ") and not line.startswith("| feature")
]
PLACES = {"My page", "the group"}


def test_the_codes_are_the_defaults_and_each_has_its_row():
    defaults = Settings()
    codes = {getattr(defaults, f"{each}_code") for each in ("block", "unblock", "state", "close", "open")}
    assert set(re.findall(r"`(\*[0-9]+)", " ".join(code for _, code, _, _ in ROWS))) == codes


def test_each_place_of_a_page_has_a_title_of_the_pages():
    texts = set(re.findall(r'^msgid "(.+)"$', (FOLDER / "fshunt.pot").read_text(), re.MULTILINE))
    places = [page.split(", ", 1) for *_, page in ROWS if page]
    assert len(places) > 15
    assert [each for each in places if each[0] not in PLACES or each[1] not in texts] == []
