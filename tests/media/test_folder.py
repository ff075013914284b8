"""Files in a folder, and readers who leave."""

import asyncio
import io
import os
import threading
from pathlib import Path

import pytest

from emprops.media.storage import FolderStorage

KEY = "generations/0192f0c8-0000/step_1-1-ab12-0.png"


async def read(storage: FolderStorage) -> bytes:
    return b"".join([chunk async for chunk in storage.stream(KEY)])


async def test_a_file_that_opens_when_nobody_waits_any_more_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FolderStorage(tmp_path)
    await storage.put_bytes(KEY, b"a picture", "image/png")
    loop, opened = asyncio.get_running_loop(), []
    begun, go_on, closed = asyncio.Event(), threading.Event(), asyncio.Event()

    class Watched(io.BytesIO):
        def close(self) -> None:
            super().close()
            loop.call_soon_threadsafe(closed.set)

    def open_slowly(_storage: FolderStorage, _key: str) -> io.BytesIO:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait()
        opened.append(Watched(b"a picture"))
        return opened[0]

    monkeypatch.setattr(FolderStorage, "_open", open_slowly)
    reading = asyncio.create_task(read(storage))
    await begun.wait()
    reading.cancel()
    await asyncio.wait({reading})
    go_on.set()
    async with asyncio.timeout(10):
        await closed.wait()
    assert opened[0].closed


async def test_a_stored_file_can_be_read_by_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        await FolderStorage(tmp_path).put_bytes(KEY, b"a picture", "image/png")
    finally:
        os.umask(before)
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o644
