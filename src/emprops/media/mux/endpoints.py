"""Where Mux reports: one address, which exists only while its signing secret is set."""

import asyncio
import time

import structlog
from fastapi import Request

from emprops.auth.dependencies import PublicRoute
from emprops.errors import BadRequestError, NotFoundError, RequestTimeoutError, TooLargeError, UnauthorizedError
from emprops.kit.web.endpoint import Resources, Shared, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.strict_json import Strictness, parse_json
from emprops.media.mux.events import Outcome, apply, event_of
from emprops.media.mux.signature import is_genuine

# Not in the OpenAPI document: the shape of its requests is Mux's, and nobody else can sign one.
routes = router(tags=["files"], dependencies=[PublicRoute], include_in_schema=False)
log = structlog.get_logger(__name__)

MAX_BYTES = 256 * 1024


@routes.post("/webhooks/mux")
async def receive_mux_event(request: Request, resources: Shared) -> Envelope[Outcome]:
    """Take an event: the signature is checked over the raw body before anything reads it.

    The transaction is opened only then, so that what anybody sends costs no connection.
    """
    settings = resources.settings
    secret = settings.mux_webhook_secret.get_secret_value()
    if not secret:
        raise NotFoundError(f"There is no POST {request.url.path}.")
    body = await _body(request, resources)
    if not is_genuine(secret, request.headers.get("mux-signature", ""), body, time.time()):
        log.warning("mux event refused")
        raise UnauthorizedError("The Mux-Signature header does not fit the body, or is too old.")
    document = parse_json(body, Strictness(settings.max_json_depth, settings.max_json_nodes))
    event = event_of(document)
    if event is None:
        return ok("ignored")  # every kind of event may be sent here
    async with resources.database.transaction() as tx:
        outcome = await apply(tx, event, policy="signed" if settings.mux_signing_key_id else "public")
    return ok(outcome)


async def _body(request: Request, resources: Resources) -> bytes:
    if request.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise BadRequestError("Compressed request bodies are not accepted; send the body as it is.")
    received = bytearray()
    try:
        async with asyncio.timeout(resources.settings.body_timeout):
            async for chunk in request.stream():
                received += chunk
                if len(received) > MAX_BYTES:
                    raise TooLargeError(f"The request body is larger than the {MAX_BYTES} bytes allowed here.")
    except TimeoutError:
        raise RequestTimeoutError("The request body did not arrive in time.") from None
    return bytes(received)
