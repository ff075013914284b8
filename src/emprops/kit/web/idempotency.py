"""Send a request twice, have it done once: what stands behind the ``Idempotency-Key`` header.

The first answer is stored in the transaction of what it reports, so there are only two cases: both are there, or
neither is and the request may be sent again. Endpoints declare ``auth.once.Once``.
"""

import hashlib
from dataclasses import dataclass

import orjson
from fastapi import Request
from starlette.responses import Response

from emprops.errors import IdempotencyMismatchError, IdempotencyRunningError
from emprops.kit.database import Database, Transaction
from emprops.kit.web.endpoint import AnsweredError, before_commit, document_of

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
"""Header of an answer that was given before."""
KEEP_DAYS = 7
PURGE_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class _Stored:
    """The first answer to a key."""

    request_hash: bytes
    status_code: int
    response: str


async def begin(tx: Transaction, request: Request, *, principal: str, key: str, content: str = "") -> None:
    """Let this request be the first of its key, or raise what :func:`check` raises."""
    row = await check(tx, request, principal=principal, key=key, content=content)
    before_commit(request, lambda response: _keep(tx, row, response))


async def check(
    tx: Transaction, request: Request, *, principal: str, key: str, content: str = ""
) -> tuple[str, str, str, bytes]:
    """Return under what the answer to the first request of a key is stored, which this one is until the transaction
    ends. ``content``: the hash of a body that is no JSON document.

    :class:`AnsweredError` with the first answer, if that is committed; :class:`IdempotencyMismatchError` if that was to
    another request; :class:`IdempotencyRunningError` while another request of the same key has not ended.
    """
    # the function's name outlives moves of files, and changes of what OpenAPI calls the operation; renaming a function
    # forgets the answers of a week, see tests/kit/test_idempotency_names.py
    route = str(request.scope["endpoint"].__name__)
    identity = orjson.dumps([principal, route, key]).decode()
    # two statements: the second must not see the table as it was before the lock was there
    if not await tx.fetch_value("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 2))", (identity,)):
        raise IdempotencyRunningError
    stored = await tx.fetch_one(
        _Stored,
        """
        SELECT request_hash, status_code, response::text AS response FROM idempotency_key
        WHERE principal = %s AND route = %s AND key = %s
        """,
        (principal, route, key),
    )
    digest = await _digest_of(request, content)
    if stored is None:
        return principal, route, key, digest
    if bytes(stored.request_hash) != digest:
        raise IdempotencyMismatchError(f"This {HEADER} was used before with another request; make a new one.")
    raise AnsweredError(
        Response(stored.response, stored.status_code, {REPLAYED: "true"}, media_type="application/json")
    )


async def use_once(tx: Transaction, *, principal: str, route: str, key: str, hours: int) -> bool:
    """Use a key that counts once, as some other APIs have it: nothing is replayed. False if it was used within the last
    ``hours``, or another request is using it. If this transaction is rolled back, the key is as good as new."""
    identity = orjson.dumps([principal, route, key]).decode()
    if not await tx.fetch_value("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 2))", (identity,)):
        return False
    used = await tx.fetch_value(
        """
        INSERT INTO idempotency_key (principal, route, key, request_hash, status_code, response)
        VALUES (%(principal)s, %(route)s, %(key)s, '', 0, 'null')
        ON CONFLICT (principal, route, key) DO UPDATE SET created_at = now()
            WHERE idempotency_key.created_at < now() - make_interval(hours => %(hours)s)
        RETURNING true
        """,
        {"principal": principal, "route": route, "key": key, "hours": hours},
    )
    return bool(used)


async def was_used(reader: Transaction, *, principal: str, route: str, key: str, hours: int) -> bool:
    """Return whether a key that counts once was used within the last ``hours``. Who is to use it asks
    :func:`use_once`."""
    used = await reader.fetch_value(
        """
        SELECT EXISTS (SELECT FROM idempotency_key WHERE principal = %s AND route = %s AND key = %s
                       AND created_at >= now() - make_interval(hours => %s))
        """,
        (principal, route, key, hours),
    )
    return bool(used)


async def _keep(tx: Transaction, row: tuple[str, str, str, bytes], response: Response) -> None:
    await tx.execute(
        """
        INSERT INTO idempotency_key (principal, route, key, request_hash, status_code, response)
        VALUES (%s, %s, %s, %s, %s, %s::text::jsonb)
        """,
        (*row, response.status_code, bytes(response.body).decode()),
    )


async def _digest_of(request: Request, content: str) -> bytes:
    """Hash what was asked: which object, the query, the JSON document; not how the document was written down."""
    asked = [request.path_params, sorted(request.query_params.multi_items()), await document_of(request)]
    asked += [content] if content else []
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()


async def purge(database: Database) -> int:
    """Forget keys after :data:`KEEP_DAYS` days; an upkeep duty. Returns how many."""
    purged = 0
    while True:
        async with database.reader() as writer:
            deleted = await writer.execute(
                """
                DELETE FROM idempotency_key WHERE ctid = ANY (ARRAY(
                    SELECT ctid FROM idempotency_key WHERE created_at < now() - make_interval(days => %s)
                    ORDER BY created_at LIMIT %s
                ))
                """,
                (KEEP_DAYS, PURGE_BATCH),
            )
        purged += deleted
        if deleted < PURGE_BATCH:
            return purged
