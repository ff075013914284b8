"""People who connect."""

from typing import Any
from uuid import UUID

import orjson
from tests.live.scene import Scene
from websockets.exceptions import InvalidStatus

from emprops.auth import store
from emprops.auth.keys import make_key
from emprops.kit.database import Database

ANNA, BERT = UUID("0192f0c8-0000-7000-8000-00000000000a"), UUID("0192f0c8-0000-7000-8000-00000000000b")


async def status_of(scene: Scene, path: str, headers: Any = ()) -> int:
    """Try to connect: 101, or the status of the refusal, which must be in the envelope."""
    try:
        async with scene.socket(path, headers) as opened:
            assert (await opened.next())["type"] == "connection_established"
    except InvalidStatus as refused:
        body = orjson.loads(refused.response.body)
        assert body["data"] is None
        assert body["error"]
        assert body["request_id"]
        return refused.response.status_code
    return 101


async def add_key(database: Database, scope: str, owner: UUID | None = None) -> dict[str, str]:
    key = make_key()
    async with database.transaction() as tx:
        await store.add_key(
            tx, prefix=key.prefix, digest=key.digest, name="test", scopes=[scope], owner=owner, life=None
        )
    return {"X-API-Key": key.text}
