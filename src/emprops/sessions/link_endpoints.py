"""Make links that sign somebody in. At the terminal: ``emprops console link``."""

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict

from emprops.auth.dependencies import OperatorCaller
from emprops.kit.web.endpoint import Shared, Tx, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.schema import Schema
from emprops.sessions import links
from emprops.sessions.link_store import NewLink
from emprops.sessions.ways import SessionRole

routes = router(tags=["sessions"])


class NewLinkBody(Schema):
    """Whom a link signs in."""

    model_config = ConfigDict(json_schema_extra={"example": {"user_id": "0192f0c8-0000-7000-8000-00000000000a"}})

    user_id: UUID
    """The user."""
    role: SessionRole = "user"
    """The role of the session."""


class SignInLinkView(Schema):
    """A link that signs somebody in, once."""

    url: str
    """The address to open. Anyone who has it can use it."""
    user_id: UUID
    """The user."""
    role: SessionRole
    """The role of the session."""
    expires_at: datetime
    """Until when it can be used."""


@routes.post("/session/links", status_code=201, operation_id="createSignInLink")
async def create_link(
    body: NewLinkBody, operator: OperatorCaller, tx: Tx, resources: Shared
) -> Envelope[SignInLinkView]:
    """Make a link that signs a user in once, within 15 minutes. A service makes them for its users.

    A session that began with a link ends with the key that made the link.
    """
    new = NewLink(body.user_id, body.role, operator.actor, operator.key_id, operator.session_id)
    made = await links.make(tx, new, actor=operator.actor)
    return ok(
        SignInLinkView(
            url=made.url(resources.settings.base_url),
            user_id=made.link.user_id,
            role=body.role,
            expires_at=made.link.expires_at,
        )
    )
