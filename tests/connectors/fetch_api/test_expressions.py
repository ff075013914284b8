"""What jq gives, and what a stranger cannot do with it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.connectors.fetch_api.calls import KEY

from emprops.connectors.fetch_api.expressions import ExpressionError, Jq


class TestExpressions:
    """What a stranger's jq cannot do."""

    @pytest.fixture
    async def jq(self) -> AsyncIterator[Jq]:
        jq = Jq(timeout=1)
        yield jq
        await jq.close()

    async def test_several_over_one_document(self, jq: Jq) -> None:
        found = await jq.evaluate(b'{"a": [1, {"b": "\xc3\xa9"}]}', {"one": ".a[0]", "all": ".a[]", "none": "empty"})
        assert found == {"one": [1], "all": [1, {"b": "é"}], "none": []}

    async def test_it_sees_no_environment(self, jq: Jq, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EMPROPS_SECRET_A_KEY", KEY)
        found = await jq.evaluate(b"null", {"a": "$ENV.EMPROPS_SECRET_A_KEY", "b": "env|length"})
        assert found["a"] == [None]
        assert found["b"][0] <= 2, "what the system itself adds"

    async def test_it_reads_no_file(self, jq: Jq, tmp_path: Path) -> None:
        (tmp_path / "run.json").write_text('{"password": "p"}')
        for how in ("import", "include"):
            name = '"run" as $run' if how == "import" else '"run"'
            with pytest.raises(ExpressionError):
                await jq.evaluate(b"null", {"x": f'{how} {name} {{search: "{tmp_path}"}}; $run'})

    @pytest.mark.parametrize("endless", ["def f: f; f", "[range(1e12)]", '"x" * 4e9 | length', "last(repeat(1))"])
    async def test_it_ends_and_the_next_one_works(self, jq: Jq, endless: str) -> None:
        with pytest.raises(ExpressionError):
            await jq.evaluate(b"null", {"x": endless})
        assert await jq.evaluate(b"[1]", {"x": ".[0]"}) == {"x": [1]}

    async def test_values_without_end_are_cut(self, jq: Jq) -> None:
        assert len((await jq.evaluate(b"1", {"x": "repeat(.)"}))["x"]) == 1000

    @pytest.mark.parametrize("wrong", [".a.", "1 2", "foo", '"\\(', "[" * 1999])
    async def test_what_is_no_expression_is_named(self, jq: Jq, wrong: str) -> None:
        with pytest.raises(ExpressionError, match=r"^outputExprJq failed"):
            await jq.evaluate(b"null", {"outputExprJq": wrong})

    async def test_a_cancelled_question_is_not_answered_later(self, jq: Jq) -> None:
        await jq.evaluate(b"null", {"x": "."})
        task = asyncio.create_task(jq.evaluate(b'"old"', {"x": "."}))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await jq.evaluate(b'"new"', {"x": "."}) == {"x": ["new"]}
