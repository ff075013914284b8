"""What a list of sessions calls the browser of each: short, from its ``User-Agent``."""

import re

BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
"""A word of the header, and whose it is; the first that is there counts, as browsers name those they resemble too."""
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
MAX_LABEL = 40
_PRODUCT = re.compile(r"[\w.-]+")


def label_of(user_agent: str) -> str:
    """Return browser and system, such as ``Firefox on Linux``; of a program the name it begins with; may be empty."""
    browser = next((name for word, name in BROWSERS if f"{word}/" in user_agent), None)
    system = next((name for word, name in SYSTEMS if word in user_agent), None)
    if browser is not None:
        return f"{browser} on {system}" if system else browser
    product = _PRODUCT.match(user_agent)
    return product[0][:MAX_LABEL] if product else ""
