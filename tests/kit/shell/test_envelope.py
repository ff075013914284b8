"""What every request meets: the envelope, and the status of each fault."""

import httpx2
import pytest
from structlog.testing import capture_logs
from tests.kit.shell.rig import CREDITS_LEFT, check_failure


async def test_success_is_data_and_no_error(api: httpx2.AsyncClient) -> None:
    response = await api.post("/echo", json={"name": "a", "inner": {"b": 2**62}})
    assert response.status_code == 200
    assert response.json() == {"data": {"name": "a", "size": 1, "inner": {"b": 2**62}}, "error": None}


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("conflict", 409, "conflict"),
        ("postgres", 503, "unavailable"),
        ("readonly", 503, "unavailable"),
        ("redis", 503, "unavailable"),
        ("redis_slow", 503, "unavailable"),
        ("bug", 500, "internal_error"),
        ("wrong_sql", 500, "internal_error"),
    ],
)
async def test_each_fault_has_its_status(api: httpx2.AsyncClient, fault: str, status: int, code: str) -> None:
    with capture_logs():
        response = await api.get(f"/fail/{fault}")
    check_failure(response, status, code)
    assert ("retry-after" in response.headers) == (status == 503)
    assert CREDITS_LEFT not in response.text
    assert "server closed" not in response.text


async def test_failures_the_contract_shows(api: httpx2.AsyncClient) -> None:
    poor = check_failure(await api.get("/fail/credits"), 402, "not_enough_credits")
    assert poor["error"] == "Not enough credits."
    corrupted = check_failure(await api.get("/fail/corrupted"), 400, "COLLECTION_CORRUPTED")
    assert corrupted["error"] == "COLLECTION_CORRUPTED"
    assert corrupted["message"].startswith("This collection contains corrupted data")
    assert corrupted["userMessage"] == "Collection data is corrupted. Please contact support."
    assert corrupted["details"] == {"problems": ["step 1 has no type"]}


async def test_a_bug_is_logged_with_the_id_the_client_sees(api: httpx2.AsyncClient) -> None:
    with capture_logs() as logs:
        response = await api.get("/fail/bug", headers={"X-Request-ID": "trace-77"})
    assert response.json()["request_id"] == "trace-77"
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["request failed"]


async def test_half_a_reply_is_broken_off(api: httpx2.AsyncClient) -> None:
    with capture_logs(), pytest.raises(RuntimeError, match="in the middle"):
        await api.get("/half")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_unknown_paths(api: httpx2.AsyncClient, method: str) -> None:
    check_failure(await api.request(method, "/no/such/path"), 404, "not_found")


async def test_wrong_method_names_the_right_one(api: httpx2.AsyncClient) -> None:
    response = await api.delete("/echo")
    assert "POST" in check_failure(response, 405, "method_not_allowed")["error"]
    assert response.headers["allow"] == "OPTIONS, POST"
