"""Bad requests of every kind get an error of OpenAI's API, from whichever layer it comes."""

from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from tests.apps import as_user
from tests.openai_api.door import VARIABLES, Door

from emprops.kit.ids import new_id

pytestmark = pytest.mark.timeout(60)


async def refused(door: Door, **asked: Any) -> openai.APIStatusError:
    """What is refused, and starts nothing."""
    with pytest.raises(openai.APIStatusError) as error:
        await door.client.images.generate(**({"model": door.model, "prompt": "a harbour"} | asked))
    assert not await door.rig.rows("SELECT FROM job")
    return error.value


@pytest.mark.parametrize(
    ("asked", "status", "code", "param", "message"),
    [
        ({"model": "nope"}, 404, "model_not_found", "model", "There is no such model"),
        ({"model": openai.omit}, 400, "missing_required_parameter", "model", "Name a model"),
        ({"prompt": openai.omit}, 400, "missing_required_parameter", "prompt", "prompt is required"),
        ({"prompt": ""}, 400, "invalid_value", "prompt", "prompt: String should have at least 1 character"),
        ({"n": 0}, 400, "invalid_value", "n", "n: Input should be greater than or equal to 1"),
        ({"n": 11}, 400, "invalid_value", "n", "n: Input should be less than or equal to 10"),
        ({"size": "large"}, 400, "invalid_value", "size", "size must be WIDTHxHEIGHT"),
        ({"size": "32x32"}, 400, "invalid_value", "size", "size: across must be a whole number from 64 to 2048."),
        ({"response_format": "bmp"}, 400, "invalid_value", "response_format", "response_format: Input should be"),
        ({"style": "blom"}, 400, "invalid_value", "style", "style must be one of auto, bloom, ink."),
        ({"extra_body": {"seed": -1}}, 400, "invalid_value", "seed", "seed must be a whole number of at least 0."),
        ({"extra_body": {"seeds": 1}}, 400, "unknown_parameter", "seeds", "Unknown parameter: seeds is no variable"),
        ({"extra_body": {"variables": {"x": 1}}}, 400, "unknown_parameter", "x", "Unknown parameter: x is no variable"),
        ({"extra_body": {"variables": [1]}}, 400, "invalid_value", "variables", "variables: Input should be"),
    ],
)
async def test_a_parameter_that_is_wrong_is_named(
    door: Door, asked: dict[str, Any], status: int, code: str, param: str, message: str
) -> None:
    await door.make_model()
    error = await refused(door, **asked)
    assert (error.status_code, error.code, error.param) == (status, code, param)
    assert error.type == "invalid_request_error"
    assert message in error.body["message"]  # type: ignore[index]
    assert "more)" not in error.body["message"]  # type: ignore[index]
    assert error.request_id


async def test_a_model_that_makes_no_pictures_is_none(door: Door) -> None:
    await door.make_model()
    await door.rig.execute("UPDATE workflow SET output_mime_type = 'text/plain'")
    error = await refused(door)
    assert (error.status_code, error.param) == (400, "model")


async def test_a_model_without_a_prompt_says_what_it_takes(door: Door) -> None:
    await door.make_model(variables=[VARIABLES[3]], fills={"seed": "seed"})
    error = await refused(door)
    assert (error.status_code, error.param) == (400, "prompt")
    assert "`variables`: seed" in str(error)


async def test_somebody_elses_draft_looks_like_no_model(door: Door) -> None:
    await door.make_model()
    await door.rig.execute("UPDATE collection SET status = 'draft', is_public = false")
    assert (await refused(door)).code == "model_not_found"


async def test_who_cannot_pay_has_used_up_a_quota(door: Door) -> None:
    await door.make_model(price=5000)
    door.client = door.client.with_options(max_retries=2)
    error = await refused(door)
    assert (error.status_code, error.code, error.type) == (429, "insufficient_quota", "insufficient_quota")
    assert error.response.headers["x-should-retry"] == "false"


async def test_an_unknown_key_is_an_authentication_error(door: Door) -> None:
    async with AsyncOpenAI(base_url=door.client.base_url, api_key=f"emp_aaaaaaaa_{'a' * 43}", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as error:
            await client.models.list()
    assert (error.value.code, error.value.type) == ("invalid_api_key", "invalid_request_error")


async def test_a_key_that_may_only_read_starts_nothing(door: Door) -> None:
    await door.make_model()
    await door.rig.execute("UPDATE api_key SET scopes = '{read}'")
    assert (await door.client.models.retrieve(door.model)).id == door.model
    with pytest.raises(openai.PermissionDeniedError):
        await door.client.images.generate(model=door.model, prompt="a harbour")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "unknown_url"),
        ("POST", "/v1/chat/completions", 404, "unknown_url"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/api/v1/nothing", 404, "unknown_url"),
    ],
)
async def test_paths_that_there_are_not(door: Door, method: str, path: str, status: int, code: str) -> None:
    response = await door.http.request(method, path, headers=as_user(door.rig.user_id))
    check(response, status, code)


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, "malformed_json"),
        (b"[]", {}, 400, "invalid_value"),
        (b"", {}, 400, "invalid_value"),
        (b'{"model": "art", "prompt": "\\u0000"}', {}, 400, "malformed_json"),
        (b"prompt", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b'{"prompt": "' + b"x" * 2_000_000 + b'"}', {}, 413, "too_large"),
    ],
)
async def test_bodies_that_are_none(
    door: Door, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    sent = {**as_user(new_id()), "Content-Type": "application/json", **headers}
    response = await door.http.post("/v1/images/generations", content=content, headers=sent)
    check(response, status, code)


def check(response: httpx2.Response, status: int, code: str) -> None:
    body = response.json()
    assert response.status_code == status, body
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert body["error"]["code"] == code


async def test_too_much_at_once_says_when_to_come_back(door: Door) -> None:
    model = await door.make_model()
    await door.rig.start()
    await door.rig.execute(
        "INSERT INTO quota (kind, subject, open_jobs, updated_by) VALUES ('user', %s, 1, 'test')", door.rig.user_id
    )
    with pytest.raises(openai.RateLimitError) as error:
        await door.client.images.generate(model=model, prompt="a harbour")
    assert error.value.code == "rate_limit_exceeded"
    assert int(error.value.response.headers["Retry-After"]) > 0
