"""A secret goes where it may, as it may, for whom it may: what else is asked for is refused before anything is sent."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.fetch_api.calls import KEY, failure, polling, run, wait
from tests.fakes.http_api import FakeApi, Reply
from tests.fakes.pictures import PNG

from emprops.connectors.base import FinalError
from emprops.connectors.fetch_api.connector import FetchApi
from emprops.connectors.fetch_api.definition import Request
from emprops.connectors.fetch_api.secret_rules import Limits, User
from emprops.connectors.fetch_api.secrets import Secret, Secrets
from emprops.kit.outbound.guard import Allowed
from emprops.settings import Settings, SettingsError

Make = Callable[..., FetchApi]
WITH_KEY = {"Authorization": "Bearer {{VIDEO_KEY}}"}
FILM = {"id": "0192f0c8-0000-7000-8000-00000000000a", "name": "film", "roles": ["author"]}


@pytest.fixture
async def limited(api: FakeApi) -> AsyncIterator[Make]:
    """Makes connectors whose secret may go to the fake API, within the limits that the environment sets."""
    made: list[FetchApi] = []

    async def no_pause(_seconds: float) -> None:
        return

    def make(**limits: str) -> FetchApi:
        place = urlsplit(api.base).netloc
        name = "EMPROPS_SECRET_VIDEO_KEY"
        environment = {name: KEY, f"{name}_HOSTS": place} | {f"{name}_{key}": text for key, text in limits.items()}
        secrets = Secrets.from_environment(environment, Allowed.parse(place))
        made.append(FetchApi(Settings(outbound_allow=place), secrets=secrets, pause=no_pause))
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


def asking(api: FakeApi, path: str = "/v1/videos", **more: Any) -> dict[str, Any]:
    reply = Reply(body=PNG, mime_type="image/png")
    return wait(api.on(path.partition("?")[0], reply), headers=WITH_KEY | more.pop("headers", {}), **more) | {
        "workflow": FILM
    }


ALLOWED: list[dict[str, str]] = [
    {},
    {"METHODS": "post"},
    {"METHODS": "GET, POST"},
    {"PATHS": "/v1/videos"},
    {"PATHS": "/other,/v1/"},
    {"PATHS": "/"},
    {"WORKFLOWS": "film"},
    {"WORKFLOWS": "other, 0192f0c8-0000-7000-8000-00000000000a"},
    {"ROLES": "author"},
    {"ROLES": "viewer", "WORKFLOWS": "film"},
    {"ROLES": "Author", "WORKFLOWS": "other"},
]


@pytest.mark.parametrize("limits", ALLOWED)
async def test_what_is_allowed_is_sent(api: FakeApi, limited: Make, tmp_path: Path, limits: dict[str, str]) -> None:
    await run(limited(**limits), asking(api), tmp_path)
    (asked,) = api.asked
    assert asked.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"METHODS": "GET"}, "must not be sent with POST: EMPROPS_SECRET_VIDEO_KEY_METHODS does not allow it."),
        ({"PATHS": "/v1/video"}, "must not be sent to the path /v1/videos: EMPROPS_SECRET_VIDEO_KEY_PATHS does not"),
        ({"PATHS": "/v2,/v1/videos/x"}, "must not be sent to the path"),
        ({"WORKFLOWS": "films"}, "must not be used by the workflow film: EMPROPS_SECRET_VIDEO_KEY_WORKFLOWS does not"),
        ({"ROLES": "service"}, "must not be used by the workflow film: EMPROPS_SECRET_VIDEO_KEY_ROLES does not"),
        (
            {"ROLES": "service", "WORKFLOWS": "other"},
            "EMPROPS_SECRET_VIDEO_KEY_WORKFLOWS or EMPROPS_SECRET_VIDEO_KEY_ROLES does not allow it.",
        ),
    ],
)
async def test_anything_else_is_refused_before_it_is_sent(
    api: FakeApi, limited: Make, tmp_path: Path, limits: dict[str, str], says: str
) -> None:
    error = await failure(limited(**limits), asking(api), tmp_path)
    assert isinstance(error, FinalError)
    assert says in error.message
    assert api.asked == []


async def test_a_step_of_an_earlier_version_does_not_say_whose_it_is(
    api: FakeApi, limited: Make, tmp_path: Path
) -> None:
    payload = asking(api)
    del payload["workflow"]
    error = await failure(limited(WORKFLOWS="film"), payload, tmp_path)
    assert "must not be used by the workflow of this step" in error.message
    assert api.asked == []
    await run(limited(METHODS="POST"), payload, tmp_path)


@pytest.mark.parametrize(
    "header", ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"]
)
async def test_headers_that_mean_another_method_or_path_are_refused(
    api: FakeApi, limited: Make, tmp_path: Path, header: str
) -> None:
    payload = asking(api, headers={header: "DELETE"})
    error = await failure(limited(METHODS="POST", PATHS="/v1"), payload, tmp_path)
    assert isinstance(error, FinalError)
    assert api.asked == []


class TestPolling:
    """The requests that follow are looked at before the first, which would begin what is paid."""

    @pytest.mark.parametrize("limits", [{"METHODS": "POST"}, {"PATHS": "/v1/jobs"}, {"PATHS": "/v1/status"}])
    async def test_work_that_could_not_be_asked_for_is_not_begun(
        self, api: FakeApi, limited: Make, tmp_path: Path, limits: dict[str, str]
    ) -> None:
        payload = polling(api.on("/v1/jobs", Reply(body={"id": 7})), f"{api.base}/v1/status/{{{{id}}}}")
        payload["api"]["headers"] = WITH_KEY
        assert isinstance(await failure(limited(**limits), payload, tmp_path), FinalError)
        assert api.asked == []

    async def test_nor_work_whose_result_could_not_be_fetched(
        self, api: FakeApi, limited: Make, tmp_path: Path
    ) -> None:
        result = {"url": f"{api.base}/files/{{{{id}}}}"}
        payload = polling(f"{api.base}/v1/jobs", f"{api.base}/v1/status/{{{{id}}}}", result=result)
        payload["api"]["headers"] = WITH_KEY
        error = await failure(limited(PATHS="/v1"), payload, tmp_path)
        assert "must not be sent to the path /files/{{id}}" in error.message
        assert api.asked == []

    async def test_within_its_paths_it_runs(self, api: FakeApi, limited: Make, tmp_path: Path) -> None:
        picture = api.on("/x", Reply(body=PNG, mime_type="image/png"))
        api.on("/v1/status/7", Reply(body={"status": "DONE", "output": [picture]}))
        payload = polling(api.on("/v1/jobs", Reply(body={"id": 7})), f"{api.base}/v1/status/{{{{id}}}}")
        payload["api"]["headers"] = WITH_KEY
        await run(limited(PATHS="/v1", METHODS="GET,POST"), payload, tmp_path)
        assert [asked.headers.get("authorization") for asked in api.asked] == [f"Bearer {KEY}"] * 2 + [None]

    @pytest.mark.parametrize("id_", ["..", "../admin", "%2e%2e", "..%2Fadmin", "..;/x", "a/../../admin", "..\\admin"])
    async def test_an_id_leads_nowhere_else(self, api: FakeApi, limited: Make, tmp_path: Path, id_: str) -> None:
        payload = polling(api.on("/v1/jobs", Reply(body={"id": id_})), f"{api.base}/v1/jobs/{{{{id}}}}/status")
        payload["api"]["headers"] = WITH_KEY
        error = await failure(limited(PATHS="/v1/jobs"), payload, tmp_path)
        assert isinstance(error, FinalError)
        assert "must not be sent to the path" in error.message
        assert [asked.path for asked in api.asked] == ["/v1/jobs"]


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "/v1/videos-admin", "/v1", "/V1/videos", "/v1//videos", "/v1/videos/../admin", "/v1/videos/./x",
            "/v1/videos/%2e%2e/admin", "/v1/videos/%252e%252e/admin", "/v1/videos/..;a=b/admin",
            "/v1/videos\\..\\admin", "/v1/videos/x%5c..%5c", "/v1%2Fvideos/x", "",
        ],
    )  # fmt: skip
    def test_a_prefix_is_matched_as_a_server_reads_it(self, path: str) -> None:
        fault = Limits(paths=("/v1/videos",)).fault(User(), "POST", path, {})
        assert fault is not None
        assert fault[0] == "_PATHS"

    @given(
        st.lists(st.sampled_from(["..", ".", "%2e", "%2E%2E", "v1", "videos", "a", "", "%252e%252e", "..;x", "%5c"]))
    )
    def test_no_path_leads_out_of_it(self, parts: list[str]) -> None:
        path = "/v1/videos/" + "/".join(parts)
        allowed = Limits(paths=("/v1/videos",)).fault(User(), "POST", path, {}) is None
        assert allowed == (not {*parts} - {"v1", "videos", "a", ""})

    def test_a_secret_in_the_path_is_shown_by_its_name(self) -> None:
        secret = Secret(KEY, frozenset({"api.example.com"}), Limits(paths=("/bot{{A_KEY}}/sendPhoto",)))
        secrets = Secrets({"A_KEY": secret})

        def request(path: str) -> Request:
            return Request("POST", f"https://api.example.com{path}", {}, frozenset(), 60)

        secrets.check_request(request("/bot{{ A_KEY }}/sendPhoto?chat=1"), User())
        with pytest.raises(FinalError, match=r"to the path /bot\{\{A_KEY\}\}/deleteChat"):
            secrets.check_request(request("/bot{{A_KEY}}/deleteChat"), User())


class TestEnvironment:
    def test_limits_are_read_with_their_secret(self) -> None:
        name = "EMPROPS_SECRET_A_KEY"
        environment = {
            name: "abcdef", f"{name}_HOSTS": "API.example.com", f"{name}_METHODS": "get,POST",
            f"{name}_PATHS": "/v1, /v2", f"{name}_WORKFLOWS": "film, My Film", f"{name}_ROLES": "Author",
        }  # fmt: skip
        secrets = Secrets.from_environment(environment, Allowed())
        assert secrets.by_name.keys() == {"A_KEY"}
        assert secrets.by_name["A_KEY"].limits == Limits(
            frozenset({"GET", "POST"}), ("/v1", "/v2"), frozenset({"film", "My Film"}), frozenset({"author"})
        )

    def test_a_secret_may_be_called_like_a_limit_of_none(self) -> None:
        environment = {"EMPROPS_SECRET_MY_ROLES": "abcdef", "EMPROPS_SECRET_MY_ROLES_HOSTS": "a.example"}
        assert Secrets.from_environment(environment, Allowed()).by_name.keys() == {"MY_ROLES"}

    @pytest.mark.parametrize(
        ("limit", "text", "says"),
        [
            ("METHODS", "POST,DELETE", "EMPROPS_SECRET_A_KEY_METHODS has DELETE: it must name some of GET, POST"),
            ("PATHS", "v1", "EMPROPS_SECRET_A_KEY_PATHS must name prefixes of paths"),
            ("PATHS", "/v1/../x", "EMPROPS_SECRET_A_KEY_PATHS must name prefixes of paths"),
        ],
    )
    def test_a_limit_that_no_request_meets_is_refused(self, limit: str, text: str, says: str) -> None:
        environment = {"EMPROPS_SECRET_A_KEY": "abcdef", f"EMPROPS_SECRET_A_KEY_{limit}": text}
        with pytest.raises(SettingsError, match=says):
            Secrets.from_environment(environment, Allowed())

    async def test_one_without_hosts_is_warned_of(self) -> None:
        with structlog.testing.capture_logs() as logs:
            secrets = Secrets.from_environment({"EMPROPS_SECRET_A_KEY": "abcdef"}, Allowed())
        (line,) = logs
        assert (line["event"], line["log_level"], line["secret"]) == ("secret without hosts", "warning", "A_KEY")
        assert "EMPROPS_SECRET_A_KEY_HOSTS" in line["hint"]
        connector = FetchApi(Settings(), secrets=secrets)
        try:
            assert (await connector.check()).message == "1 secrets. Without hosts, and so of no use: A_KEY."
        finally:
            await connector.close()
