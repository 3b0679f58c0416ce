"""The forms of a group's page as a browser sends them: what stands in a page, with what a person types."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from tests.web.people import DOMAIN, PILOT, Browser

PAGE = f"/groups/{DOMAIN}/{PILOT}"
SETTINGS = f"{PAGE}/settings"


class _Forms(HTMLParser):
    """Collects the forms of a page: the fields that a browser would send, by the form's address."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, MultiDict[str, str]]] = []
        self._select = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append((has.get("action", ""), MultiDict()))
        elif tag == "select":
            self._select = has["name"]
        elif tag == "option" and "selected" in has and self._select:
            self.forms[-1][1].add(self._select, has["value"])
        elif tag == "input" and self.forms and (has.get("type") not in ("checkbox", "radio") or "checked" in has):
            self.forms[-1][1].add(has["name"], has.get("value", ""))


def forms_of(page: TestResponse) -> list[tuple[str, MultiDict[str, str]]]:
    """Return the forms of a page, each with its address and the fields that a browser would send."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.forms


def form_of(page: TestResponse, action: str = SETTINGS, **has: str) -> dict[str, Any]:
    """Return the fields of the first form with this address, and with these fields."""
    for found, fields in forms_of(page):
        if found == action and all(fields.get(name) == value for name, value in has.items()):
            return {name: fields.getlist(name) for name in fields}
    raise AssertionError(f"no form {action} with {has}")


def save(browser: Browser, **typed: str) -> TestResponse:
    """Open the page, type into the form of the settings, and send it."""
    return browser.send(SETTINGS, {**form_of(browser.get(PAGE)), **typed})


def followed(browser: Browser) -> TestResponse:
    """Go where the last answer leads."""
    return browser.get(browser.page.location)
