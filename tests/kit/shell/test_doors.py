"""Failures behind a door, from every layer, have the form of the API that it speaks."""

import httpx2
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs
from tests.kit.shell.rig import check_failure

from emprops.kit.web.doors import DOORS, Door, Failed, Told


def translate(failed: Failed) -> Told:
    return Told(418 if failed.status == 409 else failed.status, {"wrong": failed.code, "how": dict(failed.extra)})


@pytest.fixture(autouse=True)
def door(app: FastAPI) -> None:
    DOORS.attach(app, (Door("/fail", translate),))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/fail/conflict", 418, "conflict"),
        ("/fail/credits", 402, "not_enough_credits"),
        ("/fail/postgres", 503, "unavailable"),
        ("/fail/bug", 500, "internal_error"),
        ("/fail/no/such/path", 404, "not_found"),
        ("/fail/%00", 400, "bad_request"),
        ("/api/fail", 404, "not_found"),
    ],
)
async def test_a_failure_is_told_as_the_door_tells_it(
    api: httpx2.AsyncClient, path: str, status: int, code: str
) -> None:
    with capture_logs():
        response = await api.get(path)
    assert (response.status_code, response.json()["wrong"]) == (status, code)
    assert ("retry-after" in response.headers) == (status == 503)


async def test_other_methods_too(api: httpx2.AsyncClient) -> None:
    response = await api.delete("/fail/conflict")
    assert (response.status_code, response.json()["wrong"]) == (405, "method_not_allowed")
    assert "GET" in response.headers["allow"]


async def test_further_keys_come_along(api: httpx2.AsyncClient) -> None:
    assert (await api.get("/fail/corrupted")).json()["how"]["details"] == {"problems": ["step 1 has no type"]}


@pytest.mark.parametrize("path", ["/failing", "/no/fail/conflict", "/"])
async def test_what_is_not_behind_it_stays_as_it_is(api: httpx2.AsyncClient, path: str) -> None:
    response = await api.delete(path)
    check_failure(response, response.status_code, response.json()["code"])
