from tests.support.documents import DOCS, script


def test_the_page_of_settings_matches_the_code():
    assert (DOCS / "settings.md").read_text() == script("generate").renewed("settings.md"), (
        "run `python docs/generate.py`"
    )
