"""What jq gives, and what a stranger cannot do with it."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.fetch_api.calls import KEY

from emprops.connectors.fetch_api.documents import parse, parse_result, written
from emprops.connectors.fetch_api.expressions import ExpressionError, Jq

BIG = 1234567890123456789


@pytest.fixture
async def jq() -> AsyncIterator[Jq]:
    jq = Jq(timeout=5)
    yield jq
    await jq.close()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (".id", BIG),
        (".id | tostring", str(BIG)),
        ('"tasks/\\(.id)"', f"tasks/{BIG}"),
        ("[.[] | numbers] | sort | map(select(. > 9007199254740993)) | first", BIG),
        (".list", [BIG, -BIG, {"n": BIG + 1}]),
        ("{a: .list[1]}", {"a": -BIG}),
        (f".id == {BIG}, .id == {BIG - 1}", [True, False]),
        (".most, .least", [2**64 - 1, -(2**63)]),
        (".more, .less", [str(2**64), str(-(2**63) - 1)]),
        (".wei", "1" + "0" * 300),
        (".one, .thousand, .part, .huge, .tiny", [1, 1000, 0.1, sys.float_info.max, 0]),
        (".digits", sys.float_info.max),
        ("nan, infinite", [None, sys.float_info.max]),
    ],
)
async def test_numbers_are_exact(jq: Jq, expression: str, value: Any) -> None:
    document = f"""{{"id": {BIG}, "list": [{BIG}, {-BIG}, {{"n": {BIG + 1}}}], "most": {2**64 - 1}, "least": {-(2**63)},
        "more": {2**64}, "less": {-(2**63) - 1}, "wei": 1{"0" * 300}, "one": 1.0, "thousand": 1e3, "part": 0.1,
        "huge": 1e400, "tiny": 1e-400, "digits": {"9" * 5000}}}"""
    read = written(parse(document))
    found = (await jq.evaluate(read, {"x": expression}))["x"]
    assert found == (value if "," in expression.partition("|")[0].partition("{")[0] else [value])


@given(st.integers())
def test_a_whole_number_stays_what_it_is_or_becomes_its_text(number: int) -> None:
    assert parse(written(parse(str(number))).decode()) == number
    assert parse_result(str(number)) == (number if -(2**63) <= number < 2**64 else str(number))


async def test_what_is_put_around_an_expression_does_not_complete_it(jq: Jq) -> None:
    for wrong in (".a) , (.b", ".a # )", "1; 2", ")("):
        with pytest.raises(ExpressionError) if "#" not in wrong else contextlib.nullcontext():
            await jq.evaluate(b"{}", {"x": wrong})
    assert (await jq.evaluate(b"[1]", {"x": "def f: .[0]; f # the first"}))["x"] == [1]


class TestExpressions:
    """What a stranger's jq cannot do."""

    @pytest.fixture
    async def jq(self) -> AsyncIterator[Jq]:
        jq = Jq(timeout=1)
        yield jq
        await jq.close()

    async def test_what_is_nested_too_deeply_is_named(self, jq: Jq) -> None:
        with pytest.raises(ExpressionError, match="gave too much"):
            await jq.evaluate(b"1", {"x": "reduce range(5000) as $i (.; [.])"})
        assert await jq.evaluate(b"[1]", {"x": ".[0]"}) == {"x": [1]}

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
