"""Which stored file a URL means, and which files are not for everybody."""

from emprops.media.storage import is_private, is_result, key_of, public_url
from emprops.settings import Settings

KEY = "generations/0192f0c8-0000/step_1-1-ab12-0.png"


def test_our_urls_are_recognised() -> None:
    settings = Settings(public_url="https://media.example/base/")
    url = public_url(settings, KEY)
    assert url == f"https://media.example/base/files/{KEY}"
    for ours in (url, f"/files/{KEY}", f"/api/files/{KEY}", f"https://media.example/base/api/files/{KEY}", f" {url} "):
        assert key_of(settings, ours) == KEY
    for other in (
        f"https://other.example/base/files/{KEY}",
        f"http://media.example/base/files/{KEY}",
        f"https://media.example:444/base/files/{KEY}",
        f"https://media.example/files2/{KEY}",
        "https://media.example/base/files/../secret",
        "https://media.example/base/files/%2e%2e/secret",
        "https://media.example/base/files/",
        "/files/../../etc/passwd",
        f"file:///files/{KEY}",
        f"//other.example/files/{KEY}",
        "https://[bad/files/x",
        "https://media.example:port/files/x",
        f"/fi\nles/{KEY}",
        f"https://media.example/base/fi\tles/{KEY}",
        f"https://media.example/base/files/{KEY[:9]}\r{KEY[9:]}",
        KEY,
        "",
    ):
        assert key_of(settings, other) is None, other
    for hidden in ("/files/assets/a.png?expires=1", "/files/%61ssets/a.png"):
        assert (key_of(settings, hidden), key_of(settings, hidden, private=True)) == (None, "assets/a.png")


def test_another_spelling_of_a_key_opens_nothing_more() -> None:
    """Where the disk takes capitals for small letters, it is the same file."""
    for key in ("assets/a.png", "Assets/a.png", "ASSETS/a.png"):
        assert is_private(key)
        assert not is_result(key)
    for key in (KEY, KEY.capitalize(), f"Thumbnails/{KEY}.webp", "IMPORTS/a.png"):
        assert is_result(key)
        assert not is_private(key)
