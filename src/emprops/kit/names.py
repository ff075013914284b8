"""Names that people give to things."""

import unicodedata

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that are drawn as nothing: Hangul fillers and the empty Braille pattern."""


def visible(name: str) -> str:
    """Return a name, for pydantic. Raises ``ValueError`` for one in which nothing can be seen."""
    if not any(_is_seen(character) for character in name):
        raise ValueError("must not be empty")
    return name


def _is_seen(character: str) -> bool:
    # separators, controls, format characters and marks without a letter are not
    return character not in BLANK and unicodedata.category(character)[0] not in "ZCM"
