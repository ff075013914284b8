"""Which roles settings and tokens give: pure, without a database."""

from collections.abc import Mapping
from typing import Any

from emprops.auth.caller import ROLES
from emprops.settings import Settings

EVERYONE, GRANTED = "everyone", "granted"


def everybody_may_author(settings: Settings) -> bool:
    """Return whether each user is an author: ``authors`` decides, and where it is unset, the mode."""
    return (settings.authors or (GRANTED if settings.mode == "production" else EVERYONE)) == EVERYONE


def roles_in(claims: Mapping[str, Any], settings: Settings) -> frozenset[str]:
    """Return the roles that a token's claim names, as ``role_claim`` and ``role_names`` say; unknown names are ignored.

    The claim is a list of texts, or one text with words (RFC 8693 writes scopes so). A path with dots leads into
    objects: ``realm_access.roles``.
    """
    found: Any = claims
    for part in settings.role_claim.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    words = found.split() if isinstance(found, str) else found
    if not isinstance(words, list):
        return frozenset()
    names = named_roles(settings.role_names)
    return frozenset(names[word] for word in words if isinstance(word, str) and word in names)


def named_roles(text: str) -> dict[str, str]:
    """Read ``role_names``: ``studio=author, ops=viewer``. Each role goes by its own name too.

    Raises ``ValueError`` with a sentence for what is no such list.
    """
    names = {role: role for role in ROLES}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, role = (part.strip() for part in item.partition("="))
        if not (name and equals and role in ROLES):
            raise ValueError(
                f"{item!r} does not say which role a name means: write name=role, with"
                f" {', '.join(ROLES[:-1])} or {ROLES[-1]}."
            )
        names[name] = role
    return names
