"""Fonts for lettering, and which of them has the letters of a word.

Latin, Greek and Cyrillic letters are set in Noto Sans Display, which comes with the package: the same on every machine.
Other scripts take a font of the system, if it has one that knows them.
"""

from functools import lru_cache
from importlib.resources import files

from PIL import ImageFont

LIGHT, BOOK = 300, 400
OWN = str(files("fontpkg_noto_sans_display") / "files" / "NotoSansDisplay[wdth,wght].ttf")
OF_THE_SYSTEM = (
    "NotoSansCJK-Regular.ttc",
    "NotoSans-Regular.ttf",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "DejaVuSans.ttf",
    "wqy-microhei.ttc",
    "Hiragino Sans GB.ttc",
    "Arial Unicode.ttf",
)
NOTHING = "\U0010fffe"
"""A character that no font has: its picture is the empty box."""


@lru_cache(maxsize=256)
def font(face: str, size: int, weight: int = LIGHT) -> ImageFont.FreeTypeFont:
    """Return a face at a size in pixels; only our own has weights."""
    loaded = ImageFont.truetype(face, size)
    if face == OWN:
        loaded.set_variation_by_axes([weight, 100])
    return loaded


@lru_cache(maxsize=1)
def faces() -> tuple[str, ...]:
    """Return the faces there are, the best first."""
    found = [OWN]
    for name in OF_THE_SYSTEM:
        try:
            ImageFont.truetype(name, 16)
        except OSError:
            continue
        found.append(name)
    return tuple(found)


@lru_cache(maxsize=4096)
def face_for(word: str) -> str | None:
    """Return the first face that has every letter of a word; None if none has, so that no empty box is ever set."""
    return next((face for face in faces() if all(_has(face, letter) for letter in set(word))), None)


@lru_cache(maxsize=4096)
def _has(face: str, letter: str) -> bool:
    return letter.isspace() or _looks(face, letter) != _looks(face, NOTHING)


def _looks(face: str, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font(face, 24).getmask(letter)
    return mask.size, bytes(mask)
