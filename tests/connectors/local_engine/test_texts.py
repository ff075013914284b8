"""Texts speak about their topic."""

from pathlib import Path

import pytest
from tests.connectors.contract import content_of
from tests.connectors.local_engine.helpers import only, run


async def test_a_text_speaks_about_its_topic(tmp_path: Path) -> None:
    payload = {"prompt": "Please write a caption about  the old lighthouse.", "tone": "warm", "sentences": 3, "seed": 1}
    outcome = await run("local_text", payload, tmp_path)
    content = outcome.data["text"]
    assert "the old lighthouse" in content
    assert "caption" not in content
    assert "{" not in content
    assert only(outcome).mime_type == "text/plain"
    assert content_of(only(outcome)).decode() == content


async def test_texts_differ_by_seed_and_not_by_run(tmp_path: Path) -> None:
    texts = [(await run("local_text", {"topic": "tea", "seed": n % 8}, tmp_path)).data["text"] for n in range(16)]
    assert texts[:8] == texts[8:]
    assert len(set(texts)) == 8


@pytest.mark.parametrize("sentences", [1, 2, 5, 12])
@pytest.mark.parametrize("tone", ["warm", "playful", "poetic", "plain"])
async def test_a_text_has_the_sentences_asked_for(tone: str, sentences: int, tmp_path: Path) -> None:
    for seed in range(5):
        payload = {"topic": "tea", "tone": tone, "sentences": sentences, "seed": seed}
        content = (await run("local_text", payload, tmp_path)).data["text"]
        ends = sum(content.count(mark) for mark in (". ", "? ", "! ")) + 1
        assert ends >= sentences
        assert content[0].isupper()
        assert content[-1] in ".?!"


async def test_characters_that_cannot_be_stored_are_left_out(tmp_path: Path) -> None:
    content = (await run("local_text", {"topic": "te\x00a \ud800"}, tmp_path)).data["text"]
    assert "tea" in content
    assert "\x00" not in content
    content.encode()
