"""Secrets go where they may go, and nowhere else."""

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.fetch_api.calls import KEY, failure, run, wait
from tests.fakes.http_api import FakeApi, Reply
from tests.fakes.pictures import PNG
from typer.testing import CliRunner

from emprops.cli.main import app
from emprops.connectors.base import FinalError
from emprops.connectors.fetch_api.connector import FetchApi
from emprops.connectors.fetch_api.secrets import Secret, Secrets
from emprops.kit.outbound.guard import Allowed
from emprops.settings import SettingsError


class TestSecrets:
    async def test_an_api_that_says_them_back_is_not_repeated(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        echo = {"url": {"text": f"you sent {KEY}", KEY: [KEY]}}
        payload = wait(api.on("/x", Reply(body=echo))) | {"output_mime_type": "application/json"}
        outcome = await run(connector, payload, tmp_path)
        assert outcome.data == {
            "result": {"text": "you sent {{VIDEO_API_KEY}}", "{{VIDEO_API_KEY}}": ["{{VIDEO_API_KEY}}"]}
        }
        api.on("/x", Reply(400, {"error": f"key {KEY} is wrong"}))
        assert "key {{VIDEO_API_KEY}} is wrong" in (await failure(connector, payload, tmp_path)).message
        payload["api"]["wait"]["outputExprJq"] = "error(.url.text)"
        api.on("/x", Reply(body=echo))
        assert "{{VIDEO_API_KEY}}" in (await failure(connector, payload, tmp_path)).message

    @pytest.mark.parametrize(
        "expression",
        [
            ".said | @base64",
            ".said | explode | reverse | implode",
            '.said | split("-") | .[-1]',
            ".said | explode",
            '.said | ltrimstr("sk-live-")',
            "keys | map(ascii_upcase)",
            "error(.said[8:])",
        ],
    )
    async def test_no_expression_sees_one(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, expression: str
    ) -> None:
        payload = wait(api.on("/x", Reply(body={"said": KEY, KEY: 1})), expression) | {"output_mime_type": ""}
        try:
            seen = str((await run(connector, payload, tmp_path)).data)
        except FinalError as error:
            seen = error.message
        hidden = base64.b64encode(KEY.encode()).decode(), KEY[::-1], KEY[8:], str(list(KEY.encode())), KEY.upper()
        assert not any(form in seen for form in hidden)

    @pytest.mark.parametrize(
        "form", ['{"said": "sk\\u002dlive\\u002d0123456789"}', '{"said": "sk-live-012345678\\u0039"}']
    )
    async def test_one_that_is_escaped_is_found(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, form: str
    ) -> None:
        payload = wait(api.on("/x", Reply(body=form.encode())), ".said") | {"output_mime_type": ""}
        assert (await run(connector, payload, tmp_path)).data == {"text": "{{VIDEO_API_KEY}}"}

    @pytest.mark.parametrize("where", ["answer", "large", "url", "base64", "data"])
    async def test_a_file_with_one_in_it_is_not_kept(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, where: str
    ) -> None:
        content = PNG + bytes(2 * 1024 * 1024 - len(PNG) - 5 if where == "large" else 0) + KEY.encode() + PNG
        encoded = base64.b64encode(content).decode()
        found = {
            "url": api.on("/f", Reply(body=content, mime_type="image/png")),
            "base64": encoded,
            "data": f"data:image/png;base64,{encoded}",
        }.get(where)
        reply = Reply(body=content, mime_type="image/png") if found is None else Reply(body={"url": found})
        error = await failure(connector, wait(api.on("/x", reply)), tmp_path)
        assert isinstance(error, FinalError)
        assert "has the secret VIDEO_API_KEY in it and was not kept" in error.message

    async def test_half_of_one_is_not_shown_either(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        for before in range(480, 500, 3):
            api.on("/x", Reply(400, f"{'x' * before}{KEY}".encode()))
            error = await failure(connector, wait(f"{api.base}/x"), tmp_path)
            assert KEY[:8] not in f"{error.message} {error.details}"
        api.on("/x", Reply(400, f"{KEY} ".encode() * 200))
        error = await failure(connector, wait(f"{api.base}/x"), tmp_path)
        assert "sk-" not in f"{error.message} {error.details}"

    async def test_the_media_type_has_none_in_it(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        reply = Reply(body=PNG, mime_type=f"image/{KEY}")
        outcome = await run(connector, wait(api.on("/x", reply)), tmp_path)
        assert [file.mime_type for file in outcome.files] == ["image/png"]

    def test_of_two_the_longer_one_is_replaced_first(self) -> None:
        secrets = Secrets({"A": Secret("abcdef", frozenset()), "B": Secret("abcdef-ghijkl", frozenset())})
        assert secrets.hide(["abcdef-ghijkl", "abcdef"]) == ["{{B}}", "{{A}}"]

    @pytest.mark.parametrize(
        "text", ["a/b+c d=e", "a%2Fb%2Bc%20d%3De", "a/b%2Bc%20d%3De", "a%2Fb%2Bc+d%3De", r"a\/b+c d=e"]
    )
    def test_one_is_found_however_it_is_escaped(self, text: str) -> None:
        assert Secrets({"A": Secret("a/b+c d=e", frozenset())}).hide(f"<{text}>") == "<{{A}}>"

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("NO_SUCH_KEY", "set EMPROPS_SECRET_NO_SUCH_KEY and EMPROPS_SECRET_NO_SUCH_KEY_HOSTS"),
            ("OTHER_KEY", "must not be sent to 127.0.0.1"),
        ],
    )
    async def test_one_that_is_missing_or_for_another_host(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, name: str, says: str
    ) -> None:
        payload = wait(api.on("/x", Reply(body={})), headers={"X-Key": f"{{{{{name}}}}}"})
        error = await failure(connector, payload, tmp_path)
        assert isinstance(error, FinalError)
        assert says in error.message
        assert api.asked == []

    def test_they_go_over_tls_unless_the_operator_opened_the_host(self) -> None:
        by_name = {"A_KEY": Secret(KEY, frozenset({"api.example.com"}))}
        assert Secrets(by_name).fill("{{A_KEY}}", "https://api.example.com/x") == KEY
        with pytest.raises(FinalError, match="without TLS"):
            Secrets(by_name).fill("{{A_KEY}}", "http://api.example.com/x")
        opened = Secrets(by_name, Allowed.parse("api.example.com"))
        assert opened.fill("{{ A_KEY }}", "http://API.example.com/x") == KEY

    @pytest.mark.parametrize(
        "url",
        [
            "https://api.example.com.evil.net/",
            "https://evil.net/api.example.com",
            "https://evil.net?api.example.com",
            "https://xapi.example.com/",
            "https://api.example.com:8443/",
        ],
    )
    def test_hosts_are_matched_whole(self, url: str) -> None:
        secrets = Secrets({"A_KEY": Secret(KEY, frozenset({"api.example.com:443"}))})
        with pytest.raises(FinalError, match="must not be sent"):
            secrets.fill("{{A_KEY}}", url)

    def test_they_are_read_from_the_environment(self) -> None:
        found = Secrets.from_environment(
            {
                "EMPROPS_SECRET_A_KEY": f" {KEY}\n",
                "EMPROPS_SECRET_A_KEY_HOSTS": "api.example.com, API.example.org:8443",
                "EMPROPS_SECRET_EMPTY": "",
                "EMPROPS_MODE": "local",
            },
            Allowed(),
        ).by_name
        assert found == {"A_KEY": Secret(KEY, frozenset({"api.example.com", "api.example.org:8443"}))}
        assert KEY not in repr(found)

    @pytest.mark.parametrize("value", ["two\nlines of it", "short", "ünicode-key"])
    def test_what_no_header_can_hold_is_refused_unseen(self, value: str) -> None:
        with pytest.raises(SettingsError, match="EMPROPS_SECRET_A must be one line") as caught:
            Secrets.from_environment({"EMPROPS_SECRET_A": value}, Allowed())
        assert value not in str(caught.value)

    @pytest.mark.parametrize(
        ("name", "value", "says"),
        [
            ("EMPROPS_SECRET_A", "short", "EMPROPS_SECRET_A must be one line"),
            ("EMPROPS_WORKER_CONNECTORS", "fetch_ap", "There is no connector named fetch_ap"),
        ],
    )
    def test_a_worker_that_cannot_start_says_why(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
    ) -> None:
        monkeypatch.setenv(name, value)
        result = CliRunner().invoke(app, ["worker"])
        assert result.exit_code == 1
        assert result.stderr.startswith(says)

    @given(
        st.text() | st.sampled_from(["{{A_KEY}}", "{{x}}", "{{", "}}A_KEY"]), st.text(alphabet="{}A_KEYx ", max_size=30)
    )
    def test_no_value_can_name_a_secret(self, value: str, text: str) -> None:
        secrets = Secrets({"A_KEY": Secret(KEY, frozenset({"api.example.com"}))})
        filled = secrets.fill("{{x}}", "https://api.example.com", params={"x": value})
        assert filled == value
        assert secrets.hide(secrets.hide(text)) == secrets.hide(text)


GOOD: dict[str, Any] = {"url": "https://a.b/c", "fetchType": "wait", "wait": {}}
