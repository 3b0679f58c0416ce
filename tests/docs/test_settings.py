"""The settings that the pages show are settings, and a daemon takes them."""

from __future__ import annotations

import re
import tomllib

import pytest

from fshunt.settings.loading import load
from fshunt.settings.model import ROWS
from tests.support.documented_commands import PAGES, name_of

BLOCK = re.compile(r"^( *)```toml\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SHOWN = [(page, number, found[1]) for page in PAGES for number, found in enumerate(BLOCK.findall(page.read_text()))]


@pytest.mark.parametrize(("page", "number", "text"), SHOWN, ids=[f"{name_of(page)}-{n}" for page, n, _ in SHOWN])
def test_the_settings_of_a_page_are_taken(page, number, text, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    secret.chmod(0o640)
    file = tmp_path / "fshunt.toml"
    file.write_text(re.sub(r'"/etc/fshunt/(?:event_socket|database_password)\w*"', f'"{secret}"', text))
    settings = load(file, {}).settings
    for name in tomllib.loads(text):
        assert name in ROWS
        assert getattr(settings, name) is not None


def test_a_setting_that_does_not_exist_is_found(tmp_path):
    file = tmp_path / "fshunt.toml"
    file.write_text('colour = "red"\n')
    with pytest.raises(Exception, match="colour"):
        load(file, {})
