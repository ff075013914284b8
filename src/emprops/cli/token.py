"""``emprops token``: a token for trying things out. In production, tokens come from the issuer of your choice."""

from typing import Annotated
from uuid import UUID

import typer

from emprops.auth.startup import check_settings
from emprops.auth.tokens import make_token
from emprops.cli.exits import fail, one_sentence, read_settings


def token(
    user_id: Annotated[UUID, typer.Argument(help="The user it is for.")],
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 30, help="How long it holds.")] = 1.0,
) -> None:
    """Print a token signed with EMPROPS_JWT_SECRET, for the Authorization header: `Bearer <token>`."""
    settings = read_settings()
    secret = settings.jwt_secret.get_secret_value()
    if not secret:
        fail("Tokens are signed with EMPROPS_JWT_SECRET, which is not set here.")
    with one_sentence():
        check_settings(settings)
    issuer, audience = settings.jwt_issuer, settings.jwt_audience
    typer.echo(make_token(user_id, secret=secret, issuer=issuer, audience=audience, life=hours * 3600))
