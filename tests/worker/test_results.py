"""What a connector gives: stored and described as it is, or refused with a sentence."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.media.builders import picture, sound, video
from tests.queue.helpers import nested
from tests.worker.single import Bench, giving, raising

from emprops.connectors.base import (
    FinalError,
    Outcome,
    Produced,
)
from emprops.queue.bounds import MAX_DATA_BYTES, MAX_FILES

# --- results


async def test_files_are_stored_and_described(bench: Bench) -> None:
    picture = Produced("sea.png", "image/png", b"abc", width=3, height=2, node="9")
    finished = await bench.run(giving(Outcome([picture], {"seed": 7})))
    (file,) = finished.files
    assert file.key == "generations/job-of-s/s-2-ffffffff-0.png"
    assert (file.name, file.width, file.height, file.node) == ("sea.png", 3, 2, "9")
    assert file.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (await bench.storage.read(file.key), finished.data) == (b"abc", {"seed": 7})


async def test_files_are_stored_as_what_they_are(bench: Bench, tmp_path: Path) -> None:
    """What a connector says of a file comes from a name or a header; a picture and a sound are no video."""
    said = "video/mp4"
    film, voice = tmp_path / "film", sound(tmp_path, "mp4", "aac", rate=48_000)
    film.write_bytes(video(tmp_path, "webm", "libvpx"))
    made = [
        Produced("a.mp4", said, voice),
        Produced("b.mp4", said, film),
        Produced("c.mp4", said, picture("AVIF", (64, 64))),
        Produced("d.mp4", said, b"nothing we know"),
    ]
    files = (await bench.run(giving(Outcome(made)))).files
    assert [(Path(file.key).suffix, file.mime_type) for file in files] == [
        (".m4a", "audio/mp4"),
        (".webm", "video/webm"),
        (".avif", "image/avif"),
        (".mp4", "video/mp4"),
    ]
    assert await bench.storage.read(files[0].key) == voice


@pytest.mark.parametrize(
    ("data", "extension", "content"),
    [({"text": "a sea"}, ".txt", b"a sea"), ({"seed": 7}, ".json", b'{"seed":7}')],
)
async def test_a_result_without_files_gets_one(bench: Bench, data: Any, extension: str, content: bytes) -> None:
    finished = await bench.run(giving(Outcome(data=data)))
    (file,) = finished.files
    assert file.key.endswith(extension)
    assert await bench.storage.read(file.key) == content


def broken(text: str) -> str:
    return f"{text}\0\ud800"


def mended(text: str) -> str:
    return f"{text}��"


async def test_broken_characters_lose_no_result(bench: Bench) -> None:
    picture = Produced(broken("sea") + ".png", "image/png", b"abc", node=broken("9"))
    text = {broken("text"): [broken("a sea"), {"pair": "\ud83c\udf0a"}]}
    finished = await bench.run(giving(Outcome([picture], text)))
    assert finished.failure is None
    assert finished.data == {mended("text"): [mended("a sea"), {"pair": "🌊"}]}
    assert (finished.files[0].name, finished.files[0].node) == (mended("sea") + ".png", mended("9"))
    finished = await bench.run(giving(Outcome(data={"text": broken("a sea")})))
    assert await bench.storage.read(finished.files[0].key) == mended("a sea").encode()


async def test_broken_characters_lose_no_reason(bench: Bench) -> None:
    error = FinalError(broken("refused"), details={broken("node"): [broken("7")]})
    finished = await bench.run(raising(error))
    assert (finished.error, finished.details) == (mended("refused"), {mended("node"): [mended("7")]})


@pytest.mark.parametrize("odd", [2**40, -1, float("nan"), float("inf"), "wide", None, 10**400])
async def test_facts_that_are_none_are_left_out(bench: Bench, odd: Any) -> None:
    picture = Produced("sea.png", "image/png; charset=x\0", b"abc", width=odd, height=odd, duration=odd)
    (file,) = (await bench.run(giving(Outcome([picture])))).files
    assert (file.width, file.height, file.duration, file.mime_type) == (None, None, None, "image/png")


class Shape:
    """A look-alike, as a third party may have it."""

    files = ()
    data: ClassVar = {"text": "a sea"}


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Outcome(), "without a result: neither files nor data"),
        (Outcome(data={}), "neither files nor data"),
        (None, "returned no result"),
        ("not an outcome", "returned no result"),
        (Shape(), "returned no result"),
        (Outcome(data=["x"]), "not a JSON object"),  # type: ignore[arg-type]
        (Outcome(data={"value": {1, 2}}), "cannot be written as JSON"),
        (Outcome(data={1: "x"}), "cannot be written as JSON"),  # type: ignore[dict-item]
        (Outcome(data=nested(65)), "nested deeper than 64 levels"),
        (Outcome([Produced(f"{n}.png", "image/png", b"x") for n in range(MAX_FILES + 1)]), "257 files; at most 256"),
        (Outcome([Produced("sea.png", "image/png", "text")]), "neither bytes nor a path"),  # type: ignore[arg-type]
        (Outcome(["sea.png"]), "neither bytes nor a path"),  # type: ignore[list-item]
        (Outcome([Produced("sea\0.png", "image/png", b"")]), "The result sea�.png is empty"),
    ],
)
async def test_what_is_no_result_fails_with_a_sentence(bench: Bench, outcome: Any, says: str) -> None:
    finished = await bench.run(giving(outcome))
    assert finished.failure == "final"
    assert says in finished.error
    assert finished.files == ()


async def test_results_of_the_largest_size_are_taken(bench: Bench) -> None:
    files = [Produced(f"{n}.png", "image/png", b"x") for n in range(MAX_FILES)]
    finished = await bench.run(giving(Outcome(files, nested(64))))
    assert finished.failure is None
    assert len(finished.files) == MAX_FILES


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(data={"value": 2**70}),
        Outcome(data={"text": "x" * (MAX_DATA_BYTES + 1)}),
        Outcome([Produced("gone.png", "image/png", Path("/nonexistent/gone.png"))]),
    ],
)
async def test_what_cannot_be_sent_fails_the_step_and_nothing_else(bench: Bench, outcome: Any) -> None:
    finished = await bench.run(giving(outcome))
    assert finished.failure is not None
    assert finished.files == ()


async def test_a_result_that_is_too_large_is_named_and_none_is_stored(bench: Bench, tmp_path: Path) -> None:
    bench.settings = bench.settings.model_copy(update={"max_result_bytes": 10})
    (tmp_path / "large").write_bytes(bytes(11))
    for large in (bytes(11), tmp_path / "large"):
        files = [Produced("small.png", "image/png", b"x"), Produced("large.mp4", "video/mp4", large)]
        finished = await bench.run(giving(Outcome(files)))
        assert (finished.failure, finished.details["code"]) == ("final", "result_too_large")
        assert "large.mp4 is larger than the 10 bytes" in finished.error
        assert "EMPROPS_MAX_RESULT_BYTES" in finished.error
        assert not (tmp_path / "files" / "generations").exists()
    assert (await bench.run(giving(Outcome([Produced("a.png", "image/png", bytes(10))])))).failure is None
