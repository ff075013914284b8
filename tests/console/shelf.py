"""Finished outputs for the console's user, with files that browsers can show."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID

from PIL import Image
from tests.console.conftest import Console
from tests.factories import Collection, Job, make_collection, make_output

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.media.storage import FolderStorage, public_url

SIZES = ((320, 200), (200, 320), (256, 256), (400, 225))
COLOURS = ("#c2452d", "#2d6cc2", "#3a9d5d", "#d9a441", "#6b4bb8")


def picture(at: int) -> tuple[bytes, tuple[int, int]]:
    """A plain picture; neighbours differ in colour and proportions."""
    size, file = SIZES[at % len(SIZES)], BytesIO()
    Image.new("RGB", size, COLOURS[at % len(COLOURS)]).save(file, "PNG")
    return file.getvalue(), size


@dataclass
class Shelf:
    """Puts outputs into the library of the user of this machine."""

    console: Console
    collection: Collection

    async def pictures(self, count: int, **variables: Any) -> list[UUID]:
        """So many pictures, the oldest first."""
        async with self.console.system.database.transaction() as tx:
            return [await self._picture(tx, at, {"prompt": f"Picture {at}", **variables}) for at in range(count)]

    async def picture(self, at: int = 0, *, source: UUID | None = None, **variables: Any) -> UUID:
        async with self.console.system.database.transaction() as tx:
            return await self._picture(tx, at, variables, source)

    async def text(self, content: str, **variables: Any) -> UUID:
        return await self._file(content.encode(), "text/plain", ".txt", variables)

    async def film(self, playback_id: str) -> UUID:
        """A video that Mux streams."""
        output_id = await self._file(b"film", "video/mp4", ".mp4", {"prompt": "a film"})
        async with self.console.system.database.transaction() as tx:
            await tx.execute(
                "WITH made AS (INSERT INTO flat_file (url, mime_type, mux_playback_id, inspected_at)"
                " SELECT url, mime_type, %s, now() FROM output WHERE id = %s RETURNING id)"
                " UPDATE output SET flat_file_id = (SELECT id FROM made) WHERE id = %s",
                (playback_id, output_id, output_id),
            )
        return output_id

    async def sound(self, **variables: Any) -> UUID:
        return await self._file(b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav", ".wav", variables)

    async def without_file(self, status: str, *, job: Job | None = None, **more: Any) -> UUID:
        """One that failed, or is not there yet."""
        async with self.console.system.database.transaction() as tx:
            return await make_output(tx, self.collection, self.console.system.user_id, job=job, status=status, **more)

    async def _picture(self, tx: Transaction, at: int, variables: dict[str, Any], source: UUID | None = None) -> UUID:
        content, (width, height) = picture(at)
        key = await self._store(content, "image/png", ".png")
        file_id = await tx.fetch_value(
            "INSERT INTO flat_file (url, mime_type, user_id, width, height, inspected_at)"
            " VALUES (%s, 'image/png', %s, %s, %s, now()) RETURNING id",
            (key, self.console.system.user_id, width, height),
        )
        return await self._output(tx, key, "image/png", variables, flat_file_id=file_id, source_output_id=source)

    async def _file(self, content: bytes, mime_type: str, suffix: str, variables: dict[str, Any]) -> UUID:
        key = await self._store(content, mime_type, suffix)
        async with self.console.system.database.transaction() as tx:
            return await self._output(tx, key, mime_type, variables)

    async def _store(self, content: bytes, mime_type: str, suffix: str) -> str:
        key = f"generations/{new_id()}{suffix}"
        storage = FolderStorage(self.console.system.settings.files_dir)
        await storage.put_bytes(key, content, mime_type)
        return key

    async def _output(self, tx: Transaction, key: str, mime_type: str, variables: dict[str, Any], **more: Any) -> UUID:
        return await make_output(
            tx,
            self.collection,
            self.console.system.user_id,
            status="completed",
            url=public_url(self.console.system.settings, key),
            mime_type=mime_type,
            input_metadata={"variables": variables},
            **more,
        )


async def shelf_in(console: Console) -> Shelf:
    """A shelf whose outputs are of one collection."""
    async with console.system.database.transaction() as tx:
        title = "Harbours <i>at</i> dusk"
        collection = await make_collection(tx, console.system.user_id, title=title, is_public=True)
    return Shelf(console, collection)
