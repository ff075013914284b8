"""Where files are kept: a folder of this machine, or an S3 bucket. Used by the api and by workers.

The other half, what a store is, is ``kit/storage.py``.
"""

import re
from urllib.parse import unquote, urlsplit

from emprops.kit.storage import Storage, is_key
from emprops.media.folder import FolderStorage
from emprops.media.s3 import S3Storage
from emprops.media.types import extension_of, mime_type_of
from emprops.settings import Settings, SettingsError

__all__ = [
    "FolderStorage",
    "S3Storage",
    "Storage",
    "extension_of",
    "is_private",
    "is_result",
    "key_of",
    "mime_type_of",
    "own_path",
    "public_url",
    "storage_from",
]

FILES = "/files/"
ASSETS = "assets/"
"""What the keys of files begin with that belong to their owners alone."""
RESULTS = ("generations/", "imports/", "thumbnails/")
"""What the keys of results begin with, of copies that outputs show, and of their small pictures."""
_BREAKS = re.compile(r"[\t\r\n]")
"""What ``urlsplit`` drops wherever it is: a URL of ours with it has no ``/files/`` for those who look for that."""


def storage_from(settings: Settings) -> Storage:
    """Make the store the settings name; nothing is opened yet. Raises ``SettingsError`` if a setting is missing."""
    if settings.storage == "folder":
        return FolderStorage(settings.files_dir)
    if not settings.s3_bucket:
        raise SettingsError("EMPROPS_STORAGE=s3 needs EMPROPS_S3_BUCKET, the name of the bucket.")
    return S3Storage(settings.s3_bucket, endpoint=settings.s3_endpoint, region=settings.s3_region)


def is_private(key: str) -> bool:
    """Return whether a stored file is only for its owner, in any spelling: the disks of some systems take ``Assets/``
    for ``assets/``."""
    return key.lower().startswith(ASSETS)


def is_result(key: str) -> bool:
    """Return whether a stored file is a result, which ``EMPROPS_RESULT_LINKS`` is about; in any spelling, too."""
    return key.lower().startswith(RESULTS)


def public_url(settings: Settings, key: str) -> str:
    """Return the URL under which the api serves a file."""
    return f"{settings.base_url}{FILES}{key}"


def own_path(settings: Settings, url: str) -> str | None:
    """Return the path below the public base of a URL of our own, in full or as a path; None for any other."""
    url = url.strip()
    if _BREAKS.search(url):
        return None
    try:
        ours, parts = urlsplit(settings.base_url), urlsplit(url)
        same_place = not parts.netloc or (parts.scheme, parts.hostname, parts.port) == (
            ours.scheme,
            ours.hostname,
            ours.port,
        )
    except ValueError:
        return None
    if not same_place or (not parts.netloc and parts.scheme):
        return None
    return parts.path.removeprefix(ours.path) if parts.netloc else parts.path


def key_of(settings: Settings, url: str, *, private: bool = False) -> str | None:
    """Return the key that a URL of our own means: ours in full, or its path ``/files/…``; None for any other.

    ``private``: also of a file that is only for its owner. Anybody can write such a URL, so it says nothing of who may
    have the file.
    """
    path = own_path(settings, url)
    if path is None:
        return None
    path = re.sub(r"^/api(?=/files/)", "", path)
    key = unquote(path.removeprefix(FILES))
    return key if path.startswith(FILES) and is_key(key) and (private or not is_private(key)) else None
