"""Which certificates our clients trust. They read no other setting of the environment: no proxies, no netrc."""

import os
import ssl
from functools import lru_cache

import httpcore2

from emprops.settings import SettingsError


def trusted() -> ssl.SSLContext:
    """Return what connections are checked by: the machine's authorities, or those that ``SSL_CERT_FILE`` or
    ``SSL_CERT_DIR`` names instead. Raises :class:`SettingsError` for a file without certificates."""
    return _trusted(os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))


@lru_cache(maxsize=4)
def _trusted(file: str, _folder: str) -> ssl.SSLContext:
    try:
        return httpcore2.default_ssl_context()
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"SSL_CERT_FILE={file} has no certificates that can be read: {error.strerror}.") from error
