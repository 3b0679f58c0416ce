"""The glossary has every word that the records use."""

import re

import pytest

from fshunt.hunting.availability import SkipReason
from fshunt.hunting.policies import POLICIES
from fshunt.hunting.states import Outcome, Result
from tests.support.documents import DOCS

PAGE = (DOCS / "glossary.md").read_text()


def section(title: str) -> list[str]:
    return re.findall(r"^\| `([a-z-]+)` \|", PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0], re.MULTILINE)


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Reasons to skip a member", SkipReason),
        ("Outcomes of an offer", Outcome),
        ("Results of a hunt", Result),
    ],
)
def test_each_word_of_the_records_is_explained_in_order(title, words):
    assert section(title) == [word.value for word in words]


def test_each_policy_is_named():
    [row] = [line for line in PAGE.splitlines() if line.startswith("| policy |")]
    assert set(re.findall(r"`([a-z-]+)`", row)) == set(POLICIES)
