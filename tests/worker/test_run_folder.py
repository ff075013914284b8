"""A run's temporary folder, and the input files that are brought into it."""

import asyncio
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.worker.rig import DONE, PATIENCE
from tests.worker.single import Bench

from emprops.connectors.base import (
    BadInputError,
    FinalError,
    Outcome,
    RunContext,
)
from emprops.kit.outbound.client import GuardedClient
from emprops.queue.messages import Ticket
from emprops.settings import Settings

# --- results


# --- failures


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
