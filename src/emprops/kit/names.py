"""Names that people give to things."""

import unicodedata

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that are drawn as nothing: Hangul fillers and the empty Braille pattern."""


def visible(name: str) -> str:
    """Return a name, for pydantic. Raises ``ValueError`` for one in which nothing can be seen."""
    # separators, controls, format characters and marks without a letter are not
    if not any(character not in BLANK and unicodedata.category(character)[0] not in "ZCM" for character in name):
        raise ValueError("must not be empty")
    return name
