"""``emprops token``: a token for trying things out. In production, tokens come from the issuer of your choice."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from emprops.auth.startup import check_settings
from emprops.auth.tokens import make_token
from emprops.cli.exits import fail, one_sentence, read_settings
from emprops.cli.output import answer, json_option


def token(
    user_id: Annotated[UUID, typer.Argument(help="The user it is for.")],
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 30, help="How long it holds.")] = 1.0,
    as_json: Annotated[bool, json_option("`token`, `user_id`, `expires_at`")] = False,
) -> None:
    """Print a token signed with EMPROPS_JWT_SECRET, for the Authorization header: `Bearer <token>`.

    For example:

        $ export EMPROPS_TOKEN=$(emprops token $USER_ID --hours 8)
    """
    settings = read_settings()
    secret = settings.jwt_secret.get_secret_value()
    if not secret:
        fail("Tokens are signed with EMPROPS_JWT_SECRET, which is not set here.")
    with one_sentence():
        check_settings(settings)
    issuer, audience, life = settings.jwt_issuer, settings.jwt_audience, timedelta(hours=hours)
    ends = datetime.now(UTC).replace(microsecond=0) + life
    text = make_token(user_id, secret=secret, issuer=issuer, audience=audience, life=life.total_seconds())
    answer(text, {"token": text, "user_id": user_id, "expires_at": ends}, as_json=as_json)
