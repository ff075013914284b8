"""Workflows in files that ComfyUI made: found in each kind, and never in more than a moment."""

import io
import json
import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.effort import calls_of, peak_of
from tests.workflows import made_by_comfy
from tests.workflows.made_by_comfy import KINDS, png, texts_of
from tests.workflows.saved import TEXT_TO_IMAGE_API, text_to_image

from emprops.workflows.embedded import find, source
from emprops.workflows.embedded.find import Found, NoWorkflowError

SAVED = text_to_image().json() | {"extra": {"note": "é 漢字 🦊", "long": "x" * 70_000}}
PROMPT = TEXT_TO_IMAGE_API
API_ONLY = ("picture.png", "picture.webp", "video.mp4", "video.webm", "sound.opus", "sound.mp3")


@cache
def made(name: str) -> bytes:
    return KINDS[name](texts_of(SAVED, PROMPT))


def found(content: bytes) -> Found:
    return find.find_workflow(io.BytesIO(content))


@pytest.mark.parametrize("name", KINDS)
def test_both_graphs_are_found_in_each_kind_of_file(name: str) -> None:
    file = found(made(name))
    assert (file.workflow, file.prompt) == (SAVED, PROMPT)
    assert file.data() == {"workflow": SAVED, "prompt": PROMPT}


@pytest.mark.parametrize("name", API_ONLY)
def test_the_graph_that_ran_is_found_alone(name: str) -> None:
    assert found(KINDS[name](texts_of(prompt=PROMPT))).data() == {"workflow": PROMPT}


@pytest.mark.parametrize("name", KINDS)
def test_a_file_without_a_workflow_says_so(name: str) -> None:
    with pytest.raises(NoWorkflowError, match=r"has no ComfyUI workflow in it.*output folder"):
        found(KINDS[name]({}))


def test_other_texts_are_no_workflow() -> None:
    with pytest.raises(NoWorkflowError, match="has no ComfyUI workflow in it"):
        found(png({"parameters": "a fox\nSteps: 20", "workflow": "none", "prompt": "[1]", "comment": "hello"}))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "nothing that holds a ComfyUI workflow. Send a PNG"),
        (b"\xff\xd8\xff\xe0 a JPEG", "nothing that holds"),
        (b"just words", "nothing that holds"),
        (b"{}", "no ComfyUI workflow: save it"),
        (b"{broken", "no ComfyUI workflow: save it"),
        (b'{"a": ' * 200 + b"1" + b"}" * 200, "no ComfyUI workflow"),
    ],
)
def test_other_files_say_what_to_send(content: bytes, says: str) -> None:
    with pytest.raises(NoWorkflowError, match=says):
        found(content)


@pytest.mark.parametrize("wrapped", [SAVED, {"workflow": SAVED}, {"prompt": PROMPT, "workflow": json.dumps(SAVED)}])
def test_the_workflow_as_json(wrapped: Any) -> None:
    file = found(json.dumps(wrapped).encode())
    assert (file.mime_type, file.workflow) == ("application/json", SAVED)
    assert found(json.dumps(PROMPT).encode()).data() == {"workflow": PROMPT}


def test_what_python_writes_as_json_is_read() -> None:
    odd = SAVED | {"extra": {"scale": float("nan"), "high": 1e400, "half": "\ud83e", "null": "a\0b"}}
    file = found(png({"Workflow": json.dumps(json.dumps(odd))}))
    assert file.workflow is not None
    assert file.workflow["extra"] == {"scale": None, "high": None, "half": "\ufffd", "null": "a\ufffdb"}


def test_a_tag_in_utf_16() -> None:
    text = b"\x01" + "workflow".encode("utf-16") + b"\0\0" + json.dumps(SAVED).encode("utf-16")
    frame = b"TXXX" + len(text).to_bytes(4) + bytes(2) + text
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    assert found(b"ID3\x03\0\0" + size + frame + bytes(100)).workflow == SAVED


def looked_for(content: bytes) -> str:
    """What is said of a file that may be anything."""
    try:
        return str(found(content).data().keys())
    except NoWorkflowError as error:
        return str(error)


@pytest.mark.parametrize("name", KINDS)
def test_part_of_a_file_is_no_fault(name: str) -> None:
    content = made(name)
    for end in (len(content) // 2, len(content) - 10, 40, 13, 4):
        assert looked_for(content[:end])


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_no_fault(name: str) -> None:
    chance = random.Random(name)
    for _ in range(60):
        content = bytearray(made(name))
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(min(len(content), 400))] = chance.randrange(256)
        assert len(looked_for(bytes(content))) < 500


HEADS = [b"\x89PNG\r\n\x1a\n", b"RIFF\xff\xff\xff\xffWEBP", b"\0\0\0\x14ftypisom", b"fLaC", b"OggS", b"ID3\x04\0\0"]


@given(st.sampled_from([*HEADS, b"\x1a\x45\xdf\xa3\x84webm"]), st.binary(max_size=200))
def test_any_bytes_are_no_fault(head: bytes, rest: bytes) -> None:
    assert looked_for(head + rest)


def chunks(kind: bytes, content: bytes, count: int) -> bytes:
    return png({})[:8] + (len(content).to_bytes(4) + kind + content + bytes(4)) * count


def boxes(count: int) -> bytes:
    return made("video.mp4")[:24] + (8).to_bytes(4) + b"free" + b"\0\0\0\x08free" * count


def exif(entries: int, length: int) -> bytes:
    entry = b"\x0f\x01\x02\0" + length.to_bytes(4, "little") + b"\0\0\0\0"
    tiff = b"II*\0\x08\0\0\0" + entries.to_bytes(2, "little") + entry * entries + bytes(length)
    return b"RIFF\0\0\0\0WEBPEXIF" + len(tiff).to_bytes(4, "little") + tiff


HOSTILE = {
    "unpacks to 100 MB": made_by_comfy.bomb,
    "unpacks to 100 MB, internationally": lambda: made_by_comfy.bomb(b"iTXt"),
    "a quarter of a million chunks": lambda: chunks(b"tIME", b"", 250_000),
    "a quarter of a million texts": lambda: chunks(b"tEXt", b"a\0b", 250_000),
    "many texts that are no JSON": lambda: chunks(b"tEXt", b"workflow\0" + b"{" * 100_000, 300),
    "a quarter of a million boxes": lambda: boxes(250_000),
    "a thousand entries that show the same bytes": lambda: exif(1000, 1024 * 1024),
    "elements without end": lambda: b"\x1a\x45\xdf\xa3\x84webm" + b"\x18\x53\x80\x67\xff" * 400_000,
    "pages without end": lambda: (b"OggS" + bytes(22) + b"\x01\xff" + bytes(255)) * 100_000,
    "comments that say there are more": lambda: b"fLaC\x84\x00\x00\x10" + bytes(4) + b"\xff" * 12,
    "blocks without end": lambda: b"fLaC" + b"\x01\0\0\0" * 250_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_cost_little(name: str) -> None:
    content = HOSTILE[name]()

    def look() -> None:
        with pytest.raises(NoWorkflowError):
            found(content)

    assert calls_of(look) < 10_000_000
    assert peak_of(look) < 64 * 1024 * 1024


def test_what_is_found_before_the_damage_counts() -> None:
    content = made("picture.png")
    assert found(content[: content.index(b"IDAT") + 6]).workflow == SAVED


def test_long_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_TEXT", 100)
    with pytest.raises(NoWorkflowError, match="of text"):
        found(made("picture.png"))
