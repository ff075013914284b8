"""Send the request of a row, and see what became of the database."""

import asyncio
import re
from typing import Any

import httpx2
from psycopg import sql
from tests.rules.callers import Row
from tests.rules.world import World

from emprops.kit.database import Database, Transaction

NOT_OURS = ("alembic_version", "app_user", "audit_entry", "audit_head", "user_identity")
"""Tables that say who called, not what they did."""


async def call(
    client: httpx2.AsyncClient, row: Row, world: World, *, headers: Any, prefix: str = "", unknown: bool = False
) -> httpx2.Response:
    """Send the row's request; ``unknown``: with ids in the path that belong to nothing."""

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        return world.objects["unknown" if unknown else row.fills.get(name, name)]

    path = re.sub(r"\{(\w+)(?::path)?\}", value_of, row.path)
    url = f"{prefix}{path}?{filled(row.query, world)}".rstrip("?")
    if row.method == "WEBSOCKET":
        return await connect(client, url, headers)
    body = {} if row.body is None else {"json": filled(row.body, world)}
    return await client.request(row.method, url, headers=headers, **body)


async def connect(client: httpx2.AsyncClient, url: str, headers: Any) -> httpx2.Response:
    """Open a WebSocket of the api in this process and leave after its snapshot; gives what was sent until then."""
    request = client.build_request("GET", url, headers=headers)
    arriving: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    arriving.put_nowait({"type": "websocket.connect"})
    status, content = 0, b""

    async def send(message: Any) -> None:
        nonlocal status, content
        status = 101 if message["type"] == "websocket.accept" else message.get("status", status)
        content += message.get("body", b"") + message.get("text", "").encode()
        if "full_state_snapshot" in message.get("text", ""):
            arriving.put_nowait({"type": "websocket.disconnect", "code": 1000})

    scope = {
        "type": "websocket",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    async with asyncio.timeout(10):
        await client._transport.app(scope, arriving.get, send)  # type: ignore[attr-defined]
    return httpx2.Response(status, content=content)


def filled(value: Any, world: World) -> Any:
    """Put the world's objects where ``{name}`` stands."""
    if isinstance(value, dict):
        return {name: filled(inner, world) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, world) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda match: world.objects[match[1]], value)
    return value


def alike(response: httpx2.Response) -> tuple[int, dict[str, Any]]:
    return response.status_code, {name: value for name, value in response.json().items() if name != "request_id"}


async def everything(database: Database) -> dict[str, Any]:
    """A digest of each table, without when a key was used last."""

    async def digest(reader: Transaction, name: str) -> Any:
        row = "to_jsonb(t) - 'last_used_at'" if name == "api_key" else "t"
        cursor = await reader.connection.execute(
            sql.SQL(
                "SELECT md5(coalesce(string_agg(({row})::text, '' ORDER BY ({row})::text), '')) FROM {table} t"
            ).format(row=sql.SQL(row), table=sql.Identifier(name))
        )
        return await cursor.fetchone()

    async with database.reader() as reader:
        names = await reader.fetch_values("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name: await digest(reader, name) for name in sorted(names) if name not in NOT_OURS}
