"""What becomes of an answer."""

import base64
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import content_of
from tests.connectors.fetch_api.calls import failure, run, wait
from tests.fakes.http_api import FakeApi, Reply
from tests.fakes.pictures import JPEG, PNG

from emprops.connectors.base import FinalError, RetryableError
from emprops.connectors.fetch_api.connector import FetchApi


class TestResults:
    @pytest.mark.parametrize(
        ("answer", "output", "wanted", "data"),
        [
            ({"url": "https://no.such/host"}, ".url", "text/plain", {"text": "https://no.such/host"}),
            ({"a": ["x", "y"]}, ".a[]", "text/plain", {"text": "x\ny"}),
            ({"a": 5}, ".a", "application/json", {"result": 5}),
            ({"a": {"b": [1]}}, ".", "application/json", {"result": {"a": {"b": [1]}}}),
            ({"a": [{"b": 1}, {"b": 2}]}, ".a", "application/json", {"result": [{"b": 1}, {"b": 2}]}),
            ({"a": [1, 2]}, ".a[]", "", {"result": [1, 2]}),
        ],
    )
    async def test_text_and_data(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, answer: Any, output: str, wanted: str, data: Any
    ) -> None:
        payload = wait(api.on("/x", Reply(body=answer)), output) | {"output_mime_type": wanted}
        outcome = await run(connector, payload, tmp_path)
        assert (list(outcome.files), outcome.data) == ([], data)

    @pytest.mark.parametrize(
        "encoded",
        [
            "data:image/png;base64," + base64.b64encode(PNG).decode(),
            "data:;base64," + base64.b64encode(PNG).decode(),
            base64.b64encode(PNG).decode(),
            base64.encodebytes(PNG).decode(),
            base64.urlsafe_b64encode(PNG).decode().rstrip("="),
            "image/png;base64," + base64.b64encode(PNG).decode(),
        ],
    )
    async def test_encoded_files(self, connector: FetchApi, api: FakeApi, tmp_path: Path, encoded: str) -> None:
        outcome = await run(connector, wait(api.on("/x", Reply(body={"url": encoded}))), tmp_path)
        assert [(file.mime_type, content_of(file)) for file in outcome.files] == [("image/png", PNG)]

    @pytest.mark.parametrize("wanted", ["image/png", ""])
    async def test_addresses_with_spaces(self, connector: FetchApi, api: FakeApi, tmp_path: Path, wanted: str) -> None:
        api.on("/f/my%20first%20fox%20(1).png", Reply(body=PNG, mime_type="image/png"))
        payload = wait(api.on("/x", Reply(body={"url": f" {api.base}/f/my first%20fox (1).png?a=b c\n"})))
        outcome = await run(connector, payload | {"output_mime_type": wanted}, tmp_path)
        assert [content_of(file) for file in outcome.files] == [PNG]
        assert api.asked_for("/f/my%20first%20fox%20(1).png")[0].query == "a=b%20c"
        sentence = f"{api.base}/f/1 is where it was"
        outcome = await run(
            connector, wait(api.on("/y", Reply(body={"url": sentence}))) | {"output_mime_type": ""}, tmp_path
        )
        assert outcome.data == {"text": sentence}

    async def test_a_sentence_is_no_file_although_it_could_be_decoded(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        sentence = "I am very sorry but I can not draw this picture because it shows a person"
        error = await failure(connector, wait(api.on("/x", Reply(body={"url": sentence}))), tmp_path)
        assert "no image but the text 'I am very sorry" in error.message

    async def test_an_answer_that_is_the_file(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        for mime_type in ("image/jpeg", "application/octet-stream"):
            outcome = await run(connector, wait(api.on("/x", Reply(body=JPEG, mime_type=mime_type))), tmp_path)
            assert [(file.mime_type, content_of(file)) for file in outcome.files] == [("image/jpeg", JPEG)]

    async def test_a_file_without_a_proper_type_is_looked_at(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        file_url = api.on("/signed", Reply(body=JPEG, mime_type="binary/octet-stream"))
        outcome = await run(connector, wait(api.on("/x", Reply(body={"url": file_url}))), tmp_path)
        assert [(file.name, file.mime_type) for file in outcome.files] == [("result-1.jpg", "image/jpeg")]

    async def test_several_files_and_a_remark(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        urls = [api.on(f"/f{n}", Reply(body=PNG, mime_type="image/png")) for n in range(3)]
        payload = wait(api.on("/x", Reply(body={"url": [*urls, None, "safety: ok"]})))
        outcome = await run(connector, payload, tmp_path)
        assert [file.name for file in outcome.files] == ["result-1.png", "result-2.png", "result-3.png"]
        assert outcome.data == {"text": "safety: ok"}

    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            ({}, "nothing where outputExprJq looks"),
            ({"url": []}, "nothing where outputExprJq looks"),
            ({"url": "I cannot draw that"}, "no image but the text 'I cannot draw that'"),
            ({"url": {"a": 1}}, "no image but an object"),
            ({"url": "data:image/png;base64,%%%"}, "not valid base64"),
            ({"url": "data:image/png;base64,"}, "empty file"),
            ({"url": ["http://127.0.0.1:1/x"] * 51}, "at most 50"),
            ({"url": "http://127.0.0.1:1/x?signature=s3cr3t"}, "Port 1 is not allowed"),
            ({"url": "{api}/page?signature=s3cr3t"}, "is no image but text/html"),
            ({"url": "{api}/empty"}, "gave an empty file"),
            ({"url": "{api}/none"}, "answered 204: there is no file"),
            ({"url": "{api}/half"}, "answered 206 with a part"),
            ({"url": "{api}/gone"}, "answered 404"),
        ],
    )
    async def test_no_result_is_no_success(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, answer: Any, says: str
    ) -> None:
        api.on("/page", Reply(body=b"<html>", mime_type="text/html"))
        api.on("/empty", Reply(body=b"", mime_type="image/png"))
        api.on("/none", Reply(204, b"", "image/png"))
        api.on("/half", Reply(206, PNG[:30], "image/png", {"content-range": f"bytes 0-29/{len(PNG)}"}))
        if isinstance(answer.get("url"), str):
            answer = {"url": answer["url"].replace("{api}", api.base)}
        error = await failure(connector, wait(api.on("/x", Reply(body=answer))), tmp_path)
        assert isinstance(error, FinalError)
        assert says in error.message
        assert "s3cr3t" not in error.message

    async def test_a_file_that_cannot_be_had_now_may_be_had_later(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        url = api.on("/f", Reply(503))
        error = await failure(connector, wait(api.on("/x", Reply(body={"url": url}))), tmp_path)
        assert isinstance(error, RetryableError)

    @pytest.mark.parametrize(
        ("body", "mime_type", "text"),
        [
            ("\ufeff".encode() + '{"url": "é"}'.encode(), "application/json", "é"),
            ('{"url": "é"}'.encode("utf-16"), "application/json", "é"),
            ('{"url": "é"}'.encode("latin-1"), "application/json; charset=ISO-8859-1", "é"),
            ('{"url": "é"}'.encode("latin-1"), "application/json", "é"),
            ('{"url": "é"}'.encode("latin-1"), "application/json; charset=utf-8", "é"),
            ('{"url": "é"}'.encode("cp1252"), 'application/json; charset="windows-1252"', "é"),
            ('{"url": "é"}'.encode(), "application/json; charset=unicode_escape", "é"),
            ('{"url": "é"}'.encode(), "application/json; charset=no-such", "é"),
            (b'{"loss": NaN, "best": -Infinity, "url": "\\ud83c\\udf0a"}', "application/json", "🌊"),
            (b'{"url": "half a pair: \\ud83c"}', "application/json", "half a pair: \ufffd"),
            (b'{"url": 1234567890123456789}', "application/json", 1234567890123456789),
        ],
    )
    async def test_json_as_it_comes(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, body: bytes, mime_type: str, text: Any
    ) -> None:
        payload = wait(api.on("/x", Reply(body=body, mime_type=mime_type))) | {"output_mime_type": ""}
        outcome = await run(connector, payload, tmp_path)
        assert outcome.data == ({"text": text} if isinstance(text, str) else {"result": text})

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
            (b'{"url": ', "not JSON"),
            (b"nan", "not JSON"),
            (b"", "nothing where outputExprJq looks"),
        ],
    )
    async def test_what_is_no_json(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, body: bytes, says: str
    ) -> None:
        error = await failure(connector, wait(api.on("/x", Reply(body=body))), tmp_path)
        assert isinstance(error, FinalError)
        assert says in error.message
