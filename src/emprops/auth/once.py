"""The parameter by which an endpoint that creates something accepts an ``Idempotency-Key``."""

from typing import Annotated

from fastapi import Depends, Header, Request

from emprops.auth.dependencies import identify
from emprops.kit.database import Transaction
from emprops.kit.web.endpoint import Tx, open_transaction
from emprops.kit.web.idempotency import HEADER, begin

Key = Annotated[
    str | None,
    Header(
        alias=HEADER,
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="Chosen by the caller, 1–255 printable ASCII characters. A request with the same key is done once;"
        " sent again within 7 days it gets the first answer, with the header `Idempotent-Replayed: true`.",
        examples=["order-2041"],
    ),
]


async def once(request: Request, tx: Tx, key: Key = None) -> None:
    """Do nothing unless a key was sent; then see :func:`emprops.kit.web.idempotency.begin`.

    A key means something to the caller who sent it only, so the caller is asked for here too.
    """
    if key is not None:
        caller = await identify(request)
        await begin(tx, request, principal=caller.principal, key=key)


Once = Annotated[None, Depends(once)]
"""Declare it in an endpoint that creates and that has ``tx: Tx``: ``_once: Once = None``. Nothing else is needed."""


async def once_alone(request: Request, key: Key = None) -> Transaction | None:
    """Do the same for an endpoint that needs no transaction otherwise: open one only if a key was sent, for what the
    endpoint stores to be committed with the answer; None without a key."""
    if key is None:
        return None
    tx = await open_transaction(request)
    await once(request, tx, key)
    return tx


OnceAlone = Annotated[Transaction | None, Depends(once_alone)]
"""The same for an endpoint that has no ``Tx``."""
