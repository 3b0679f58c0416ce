"""Database URLs that are read without SQLAlchemy mean the same as with it."""

from __future__ import annotations

import pytest

from fshunt.settings import urls

USUAL = [
    "sqlite:////var/lib/fshunt/fshunt.db",
    "sqlite:///fshunt.db",
    "postgresql://fshunt@localhost/fshunt",
    "postgresql://db.example.com:5433/fshunt",
    "postgresql://192.0.2.1/fshunt_2",
]
OTHERS = [
    "sqlite://",
    "sqlite:////var/lib/a b.db",
    "sqlite:////var/lib/fshunt.db?timeout=1",
    "postgresql://fshunt:s3cret@localhost/fshunt",
    "postgresql://fshunt@localhost/fshunt?password=s3cret",
    "postgresql:///fshunt?host=/run/postgresql",
    "postgresql+psycopg://fshunt@localhost/fshunt",
]


@pytest.mark.parametrize("url", USUAL + OTHERS)
def test_a_url_means_the_same_with_and_without_sqlalchemy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> list[object]:
        return [urls.check_database_url(url), urls.hide_password(url), urls.has_password(url), urls.takes_password(url)]

    quick = read()
    assert (urls._PLAIN.fullmatch(url) is not None) is (url in USUAL)
    monkeypatch.setattr(urls, "_PLAIN", urls.re.compile("nothing"))
    assert quick == read()
    assert "s3cret" not in urls.hide_password(url)
