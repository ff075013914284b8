"""Links that sign somebody in once: made by an operator, a service, or at the terminal."""

from dataclasses import dataclass
from urllib.parse import quote

from emprops.audit.actions import Action
from emprops.audit.service import record
from emprops.auth.keys import digest_of
from emprops.auth.sessions import make_secret
from emprops.kit.database import Transaction
from emprops.sessions import link_store
from emprops.sessions.link_store import Link, NewLink
from emprops.sessions.store import NewSession


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A link that was just made; the ticket is shown this once."""

    ticket: str
    link: Link

    def url(self, base_url: str) -> str:
        """Return the address to open. Browsers keep what comes after # to themselves, so no log has the ticket."""
        return f"{base_url}/console/#ticket={quote(self.ticket)}"


async def make(tx: Transaction, new: NewLink, *, actor: str) -> MadeLink:
    """Make a link."""
    ticket = make_secret()
    link = await link_store.add(tx, new, digest_of(ticket))
    await record(tx, actor, Action.LINK_CREATED, f"link:{link.id}", {"role": link.role}, user_id=link.user_id)
    return MadeLink(ticket, link)


async def use(tx: Transaction, ticket: str) -> NewSession | None:
    """Return the session that a ticket is for, and use it up. None: it was used, is too old, or none of ours."""
    link = await link_store.take(tx, digest_of(ticket))
    if link is None:
        return None
    return NewSession(
        link.user_id, link.role, "link", link.made_by, reads_only=link.role == "viewer", key_id=link.key_id
    )
