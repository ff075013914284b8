"""One claim from connector to outcome: every way to fail becomes a value, nothing is left behind."""

import asyncio
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
from structlog.testing import capture_logs
from tests.media.builders import picture, sound, video
from tests.queue.helpers import make_ticket, nested
from tests.worker.rig import DONE, PATIENCE, Body, Scripted, forever

from emprops.connectors.base import (
    BadInputError,
    ConnectorError,
    FinalError,
    Outcome,
    Produced,
    RetryableError,
    RunContext,
)
from emprops.kit.http import GuardedClient
from emprops.media.storage import FolderStorage
from emprops.queue.bounds import MAX_DATA_BYTES, MAX_DETAILS_BYTES, MAX_ERROR, MAX_FILES
from emprops.queue.messages import Claim, Finished, Limits, Ticket
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.context import Context
from emprops.worker.run import run_claim

Run = Callable[..., Any]


class Bench:
    """Runs single claims, without a queue."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.storage = FolderStorage(folder)
        self.settings = settings
        self.http = GuardedClient(settings)
        self.context: Context

    async def run(self, body: Body, *, max_run_time: float = 60.0) -> Finished:
        claim = Claim(make_ticket("s", limits=Limits(max_run_time=max_run_time)), "f" * 32, 2)
        self.context = Context(claim, board=Board(), storage=self.storage, http=self.http, settings=self.settings)
        async with asyncio.timeout(PATIENCE):
            finished = await run_claim(claim, Scripted(body), self.context, self.storage)
        finished.to_bytes()  # whatever happened can be sent
        assert self.context.cancelled()
        return finished


@pytest.fixture
async def bench(tmp_path: Path) -> Any:
    bench = Bench(Settings(mode="test", data_dir=tmp_path), tmp_path / "files")
    yield bench
    await bench.http.close()


def raising(error: BaseException) -> Body:
    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        raise error

    return body


def giving(outcome: Outcome) -> Body:
    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        return outcome

    return body


# --- results


async def test_files_are_stored_and_described(bench: Bench) -> None:
    picture = Produced("sea.png", "image/png", b"abc", width=3, height=2, node="9")
    finished = await bench.run(giving(Outcome([picture], {"seed": 7})))
    (file,) = finished.files
    assert file.key == "generations/job-of-s/s/2-ffffffff-0.png"
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


# --- failures


@pytest.mark.parametrize("kind", [RetryableError, FinalError, BadInputError])
async def test_a_connector_says_what_kind_of_failure_it_is(bench: Bench, kind: type[ConnectorError]) -> None:
    error = kind("the field size is too large", details={"node": "7"}, retry_after=2.5)
    finished = await bench.run(raising(error))
    assert finished == Finished(
        failure=kind.kind,  # type: ignore[arg-type]
        error="the field size is too large",
        details={"node": "7"},
        retry_after=2.5,
    )


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConnectionResetError("secret"), "retryable"),
        (TimeoutError("secret"), "retryable"),
        (OSError(28, "No space left on device", "/srv/secret/file"), "retryable"),
        (ZeroDivisionError("secret"), "final"),
        (KeyError("secret"), "final"),
        (MemoryError("secret"), "final"),
        (SystemExit("secret"), "final"),
        (KeyboardInterrupt("secret"), "final"),
        (GeneratorExit("secret"), "final"),
        (BaseExceptionGroup("secret", [SystemExit("secret"), ValueError("secret")]), "final"),
    ],
)
async def test_other_errors_are_named_and_the_rest_is_in_the_log(
    bench: Bench, error: BaseException, failure: str
) -> None:
    with capture_logs() as logs:
        finished = await bench.run(raising(error))
    assert finished.failure == failure
    assert type(error).__name__ in finished.error
    assert finished.error.endswith("the operator finds the reason in the worker's log under s.")
    assert "secret" not in f"{finished}"
    assert "longer than" not in finished.error
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert (line["step_id"], line["exc_info"]) == ("s", error)


async def test_one_failure_of_a_task_group_is_what_it_is(bench: Bench) -> None:
    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        async with asyncio.TaskGroup() as group:
            group.create_task(raising(RetryableError("busy", retry_after=3.0))(ticket, context))  # type: ignore[arg-type]
        return DONE

    assert await bench.run(body) == Finished(failure="retryable", error="busy", retry_after=3.0)


async def test_a_run_that_takes_too_long_is_ended(bench: Bench) -> None:
    stopped = asyncio.Event()

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        try:
            return await forever(ticket, context)
        finally:
            stopped.set()

    finished = await bench.run(body, max_run_time=0.02)
    assert stopped.is_set()
    assert finished.failure == "retryable"
    assert finished.error == "The run took longer than 0.02 seconds."
    assert finished.details == {"code": "run_time"}


async def test_a_thread_learns_that_the_time_is_up(bench: Bench) -> None:
    """Its connector waits for it, so the word must come before the connector's end."""
    done = threading.Event()

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        def work() -> None:
            while not context.cancelled():
                done.wait(0.001)
            done.set()

        work_done = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            await asyncio.shield(work_done)
        finally:
            await work_done
        return DONE

    finished = await bench.run(body, max_run_time=0.02)
    assert done.is_set()
    assert finished.failure in {None, "retryable"}


async def cancel_oneself(ticket: Ticket, context: RunContext) -> Outcome:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    return await forever(ticket, context)


@pytest.mark.parametrize("body", [raising(asyncio.CancelledError()), cancel_oneself])
async def test_a_connector_that_breaks_itself_off_is_tried_again(bench: Bench, body: Body) -> None:
    finished = await bench.run(body)
    assert finished.failure == "retryable"
    assert finished.error == "The connector scripted broke its own run off."


async def test_cancelling_the_run_is_not_a_failure(bench: Bench) -> None:
    begun = asyncio.Event()

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        begun.set()
        return await forever(ticket, context)

    task = asyncio.create_task(bench.run(body))
    await begun.wait()
    bench.context.stop()  # as the loop does
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.context.cancelled()


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


@pytest.mark.parametrize("details", [{"x": {1}}, {"x": "y" * MAX_DETAILS_BYTES}, {1: "x"}, {"x": 2**70}, nested(65)])
async def test_details_that_cannot_be_sent_are_left_out(bench: Bench, details: Any) -> None:
    finished = await bench.run(raising(FinalError("refused", details=details)))
    assert (finished.failure, finished.error, list(finished.details)) == ("final", "refused", ["omitted"])


@pytest.mark.parametrize("wait", [float("nan"), float("inf"), -1.0, 0.0])
async def test_a_senseless_waiting_time_is_ignored(bench: Bench, wait: float) -> None:
    finished = await bench.run(raising(RetryableError("busy", retry_after=wait)))
    assert finished.retry_after is None


async def test_foreign_error_texts_are_cut_and_cleaned(bench: Bench) -> None:
    finished = await bench.run(raising(FinalError("a\0b\udcff" + "x" * 10_000_000)))
    assert finished.error.startswith("a�b�x")
    assert len(finished.error) <= MAX_ERROR
    assert orjson.loads(finished.to_bytes())["error"] == finished.error


# --- the run's folder and inputs


async def test_the_folder_is_there_and_gone_afterwards(bench: Bench) -> None:
    folders: list[Path] = []

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        folders.append(context.folder)
        (context.folder / "deep").mkdir()
        (context.folder / "deep" / "file").write_bytes(b"x")
        assert context.folder == folders[0]
        raise FinalError("after all")

    await bench.run(body)
    assert not folders[0].exists()
    with pytest.raises(RuntimeError, match="has ended"):
        _ = bench.context.folder


async def test_a_thread_that_outlives_its_run_leaves_nothing(bench: Bench) -> None:
    """It may go on writing for a moment; what it writes after the end must not stay."""
    folders: list[Path] = []
    wrote, may_go_on, ended = threading.Event(), threading.Event(), threading.Event()

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        folder = context.folder
        folders.append(folder)

        def write() -> None:
            (folder / "0").write_bytes(b"x")
            wrote.set()
            may_go_on.wait(PATIENCE)
            try:
                (folder / "1").write_bytes(b"x")
            except FileNotFoundError:
                ended.set()

        thread = threading.Thread(target=write)
        thread.start()
        threads.append(thread)
        await asyncio.to_thread(wrote.wait, PATIENCE)
        return DONE

    threads: list[threading.Thread] = []
    await bench.run(body)
    may_go_on.set()
    threads[0].join(PATIENCE)
    assert ended.is_set()
    assert list(folders[0].parent.glob(f"{folders[0].name}*")) == []


async def test_nothing_can_be_added_to_a_folder_while_it_is_removed(bench: Bench, monkeypatch: Any) -> None:
    folders: list[Path] = []
    refused: list[bool] = []

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        folders.append(context.folder)
        return DONE

    def remove(path: Path, **options: Any) -> None:
        try:
            (folders[0] / "late").write_bytes(b"x")  # a thread, in the middle of the removal
        except FileNotFoundError:
            refused.append(True)
        original(path, **options)

    original = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", remove)
    await bench.run(body)
    assert refused == [True]


async def test_inputs_of_our_own_are_read_where_they_lie(bench: Bench) -> None:
    await bench.storage.put_bytes("uploads/sea.png", b"picture", "image/png")

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        path, mime_type = await context.fetch("/files/uploads/sea.png")
        assert (path.read_bytes(), mime_type) == (b"picture", "image/png")
        with pytest.raises(BadInputError, match="at most 3"):
            await context.fetch("/files/uploads/sea.png", max_bytes=3)
        with pytest.raises(BadInputError, match="does not exist"):
            await context.fetch("/files/uploads/land.png")
        return DONE

    assert (await bench.run(body)).failure is None


async def test_inputs_fetched_at_once_do_not_overwrite_each_other(bench: Bench, monkeypatch: Any) -> None:
    for name in ("a", "b", "c"):
        await bench.storage.put_bytes(f"uploads/{name}.txt", name.encode(), "text/plain")
    monkeypatch.setattr(bench.storage, "local_path", lambda _key: None)  # as a bucket has it

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        fetched = await asyncio.gather(*(context.fetch(f"/files/uploads/{name}.txt") for name in "abc"))
        assert [path.read_text() for path, _ in fetched] == ["a", "b", "c"]
        return DONE

    assert (await bench.run(body)).failure is None


async def test_an_input_that_must_not_be_fetched_is_bad_and_one_that_is_away_may_be_tried_again(
    bench: Bench, tmp_path: Path
) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        await context.fetch(f"http://127.0.0.1:{port}/sea.png")
        return DONE

    assert (await bench.run(body)).failure == "bad_input"
    await bench.http.close()
    bench.http = GuardedClient(Settings(mode="test", data_dir=tmp_path, outbound_allow=f"127.0.0.1:{port}"))
    assert (await bench.run(body)).failure == "retryable"
