"""How to connect to PostgreSQL: its URL, with how long a server that says nothing is waited for."""

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from emprops.settings import SettingsError

EXAMPLE = "the URL of a database, such as postgresql://user:password@host:5432/emprops"
PATIENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""How long a server that says nothing at all is waited for; a host that is gone would be noticed after minutes."""


def conninfo(url: str) -> str:
    """Return how to connect to a URL, with what it does not say about patience.

    Raises ``SettingsError`` if it is empty or cannot be read.
    """
    if not url.strip():
        raise SettingsError(f"DATABASE_URL is not set: it must be {EXAMPLE}.")
    try:
        return make_conninfo(url, **{**PATIENCE, **conninfo_to_dict(url)})
    except ProgrammingError:  # it repeats the URL, which may hold a password
        raise SettingsError(f"DATABASE_URL must be {EXAMPLE}.") from None
