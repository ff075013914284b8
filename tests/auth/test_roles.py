"""Who may make what others generate from: by the mode, by a token's claims, by a grant."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import jwt
import pytest
from tests.apps import client_of, service_key

from emprops.auth.role_names import named_roles, roles_in
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.main import create_app
from emprops.settings import Settings

SECRET = "u7Wq2ZkT9vN4xB6mR8cJ1hL3pF5sD0gY"
PROJECT = {"name": "Harbours"}


def token(user_id: UUID, **claims: Any) -> dict[str, str]:
    own = {"sub": str(user_id), "iss": "emprops", "aud": "emprops", "exp": 4_102_444_800}
    return {"Authorization": f"Bearer {jwt.encode(own | claims, SECRET, algorithm='HS256')}"}


@pytest.fixture
async def client(settings: Settings, database: Database, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """The api in production, with the defaults for authors."""
    urls = {"database_url": settings.database_url, "redis_url": settings.redis_url, "data_dir": tmp_path}
    app = create_app(
        Settings(mode="production", jwt_secret=SECRET, upkeep_in_api=False, role_names="studio=author", **urls)
    )
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


async def test_in_production_users_are_no_authors_until_they_are_granted_it(
    client: httpx2.AsyncClient, database: Database
) -> None:
    user, service = new_id(), await service_key(database)
    refused = await client.post("/api/projects", json=PROJECT, headers=token(user))
    assert refused.status_code == 403
    assert "takes the role author; ask the operator for it" in refused.json()["error"]
    grant = await client.put(f"/users/{user}/roles/author", headers=service)
    assert [one["role"] for one in grant.json()["data"]] == ["author"]
    assert (await client.put(f"/users/{user}/roles/author", headers=service)).json() == grant.json()
    assert (await client.post("/api/projects", json=PROJECT, headers=token(user))).status_code == 201
    assert (await client.get("/me", headers=token(user))).json()["data"]["roles"] == ["author"]
    assert (await client.delete(f"/users/{user}/roles/author", headers=service)).json()["data"] == []
    assert (await client.delete(f"/users/{user}/roles/author", headers=service)).status_code == 404
    assert (await client.post("/api/projects", json=PROJECT, headers=token(user))).status_code == 403


async def test_a_token_may_name_roles_in_the_issuers_words(client: httpx2.AsyncClient) -> None:
    for claim in (["studio"], "openid studio", ["author"]):
        made = await client.post("/api/projects", json=PROJECT, headers=token(new_id(), roles=claim))
        assert made.status_code == 201, claim
    for claim in (["Studio"], "studios", 7, {"author": True}, [["author"]], None):
        refused = await client.post("/api/projects", json=PROJECT, headers=token(new_id(), roles=claim))
        assert refused.status_code == 403, claim


async def test_viewers_read_how_it_does_and_change_nothing(client: httpx2.AsyncClient) -> None:
    viewer = token(new_id(), roles=["viewer"])
    assert (await client.get("/api/queue", headers=viewer)).status_code == 200
    assert (await client.get("/metrics", headers=viewer)).status_code == 200
    assert (await client.get("/api/queue", headers=token(new_id()))).status_code == 403
    assert (await client.post("/api/projects", json=PROJECT, headers=viewer)).status_code == 403
    assert (await client.post("/api/workers/pause", headers=viewer)).status_code == 403


async def test_services_need_no_role_and_make_things_for_users(client: httpx2.AsyncClient, database: Database) -> None:
    service = await service_key(database) | {"user_id": str(new_id())}
    assert (await client.post("/api/projects", json=PROJECT, headers=service)).status_code == 201
    assert (await client.get("/me", headers=service)).json()["data"]["roles"] == ["author", "operator", "viewer"]


async def test_a_role_that_does_not_exist_is_refused(client: httpx2.AsyncClient, database: Database) -> None:
    service = await service_key(database)
    assert (await client.put(f"/users/{new_id()}/roles/king", headers=service)).status_code in (400, 422)


def test_claims_may_lie_deep() -> None:
    settings = Settings(mode="test", role_claim="realm_access.roles")
    assert roles_in({"realm_access": {"roles": ["author", "other"]}}, settings) == {"author"}
    assert roles_in({"realm_access": ["author"]}, settings) == frozenset()


@pytest.mark.parametrize("text", ["studio", "studio=king", "=author", "studio="])
def test_names_that_mean_nothing_are_refused_at_start(text: str) -> None:
    with pytest.raises(ValueError, match="write name=role, with author, operator or viewer"):
        named_roles(text)
