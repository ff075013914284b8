"""What a definition may say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.connectors.fetch_api.definition import DefinitionError, read, secret_names

GOOD: dict[str, Any] = {"url": "https://a.b/c", "fetchType": "wait", "wait": {}}


def poll(**polling: Any) -> dict[str, Any]:
    return {"fetchType": "polling", "polling": {"url": "https://a.b"} | polling}


class TestDefinition:
    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"url": "https://{{HOST}}/x"}, "plain host"),
            ({"url": "https://a.b{{X_KEY}}/x"}, "plain host"),
            ({"url": "https://user@a.b/x"}, "plain host"),
            ({"url": "https://a.b\\@evil.net/x"}, "plain host"),
            ({"url": "https://a.b\t.evil.net/x"}, "plain host"),
            ({"url": "https://a.b/{{name}}"}, "is no secret"),
            ({"url": "https://a.b/" + "x" * 5000}, "at most 4096"),
            ({"method": "DELETE"}, "api.method"),
            ({"headers": {"a b": "c"}}, "no name of a header"),
            ({"headers": {"a": "b\r\nc: d"}}, "api.headers.a must be a text"),
            ({"headers": {"a": "{{prompt}}"}}, "is no secret"),
            ({"headers": []}, "api.headers must be an object"),
            ({"successResponseCode": 404}, "status from 200 to 299"),
            ({"requestTimeout": True}, "from 1 to 600"),
            ({"fetchType": "guess"}, "wait or polling"),
            ({"fetchType": "polling"}, "api.polling must be an object"),
            ({"wait": {"outputExprJq": 5}}, "jq expression"),
            ({"wait": {"outputExprJq": "x" * 2001}}, "at most 2000"),
            ({"fetchType": "polling", "polling": {}}, "api.polling.url"),
            ({"fetchType": "polling", "polling": {"url": "https://a.b", "params": {"a": {}}}}, "api.polling.params.a"),
            (
                {"fetchType": "polling", "polling": {"url": "https://a.b", "timeout": 300_000}},
                "seconds from 1 to 21600",
            ),
            ({"fetchType": "polling", "polling": {"url": "https://a.b/{{id}}"}}, "is no secret"),
            (
                poll(pendingResponseCode=[202, "400"]),
                "api.polling.pendingResponseCode must be a status from 200 to 599",
            ),
            (poll(pendingResponseCode=100), "api.polling.pendingResponseCode"),
            (poll(result="https://a.b/r", continueWhenExpr="."), "api.polling.result must be an object"),
            (poll(result={"url": "https://a.b/r"}), "api.polling needs continueWhenExpr or pendingResponseCode"),
            (poll(result={}, continueWhenExpr="."), "api.polling.result.url must begin with"),
            (poll(result={"url": "https://a.b/{{id}}"}, continueWhenExpr="."), "api.polling.result.url has {{id}}"),
            (
                poll(result={"url": "https://a.b", "params": {"a": 1}}, continueWhenExpr="."),
                "api.polling.result.params.a must be a jq expression over the last status",
            ),
            (
                poll(result={"url": "https://a.b", "headers": {"a": "{{x}}"}}, continueWhenExpr="."),
                "api.polling.result.headers.a has {{x}}",
            ),
        ],
    )
    def test_faults_are_named(self, change: dict[str, Any], says: str) -> None:
        with pytest.raises(DefinitionError) as caught:
            read(GOOD | change)
        assert says in "; ".join(caught.value.problems)

    def test_polling_is_like_the_first_request_but_for_what_it_says(self) -> None:
        how = {"url": "https://a.b/{{id}}/{{B_KEY}}", "params": {"id": ".id"}, "successResponseCode": 200}
        api = GOOD | {"fetchType": "polling", "polling": how, "headers": {"a": "{{A_KEY}}"}}
        polling = read(api).polling
        assert polling is not None
        assert (polling.request.method, polling.request.headers) == ("GET", {"a": "{{A_KEY}}"})
        assert polling.request.success == {200}
        assert secret_names(api) == {"A_KEY", "B_KEY"}

    def test_a_result_is_like_polling_but_for_what_it_says(self) -> None:
        result = {"url": "https://a.b/{{id}}/{{file}}/{{B_KEY}}", "params": {"file": {"exprJq": ".file"}}}
        how = {"params": {"id": ".id"}, "pendingResponseCode": [202, 404], "successResponseCode": 200, "result": result}
        api = GOOD | poll(**how, headers={"a": "{{A_KEY}}"}, method="POST")
        polling = read(api).polling
        assert polling is not None
        assert polling.request.pending == {202, 404}
        assert polling.result is not None
        request = polling.result.request
        assert (request.method, request.headers, request.success) == ("GET", {"a": "{{A_KEY}}"}, {200})
        assert (request.pending, polling.result.params) == (frozenset(), {"file": ".file"})
        assert secret_names(api) == {"A_KEY", "B_KEY"}

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["url", "method", "headers", "fetchType", "wait", "polling", "params", "result", "x"]
                    ),
                    inner,
                    max_size=5,
                )
            ),
        )
    )
    def test_junk_is_named(self, junk: Any) -> None:
        secret_names(junk)
        try:
            read(junk)
        except DefinitionError as error:
            assert error.problems  # noqa: PT017
