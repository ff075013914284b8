"""The reference pages that are made from the code."""

import re

import pytest
from tools.reference import settings


def test_no_cell_of_the_settings_is_empty() -> None:
    assert re.findall(r"\|\s*\|$", settings.make(), re.MULTILINE) == []


def test_a_setting_without_a_docstring_fails() -> None:
    sections, docs = settings.documented()
    del docs["lease"], docs["host"]
    with pytest.raises(ValueError, match=r"need a docstring that says what they mean: host, lease\."):
        settings.page_of(sections, docs)
