"""Everything a graph put out, of every kind and every node; what is only temporary stays where it is."""

import asyncio
import contextlib
import mimetypes
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import puremagic
from PIL import Image, UnidentifiedImageError

from emprops.connectors.base import FinalError, Outcome, Produced, RetryableError, RunContext
from emprops.connectors.comfyui.api import Api, OutputGoneError
from emprops.connectors.comfyui.frames import Frame
from emprops.connectors.comfyui.listing import MODELS, Item, items_of, texts_of
from emprops.connectors.comfyui.meter import RAN
from emprops.connectors.comfyui.problems import MAX_NODES, Graph, MissingNode
from emprops.kit.text import REPLACEMENT
from emprops.queue.bounds import MAX_FILES

MAX_TEXT_BYTES = 128 * 1024
"""Longer texts travel as files."""
TRIES = 3
PLAYED = ("video/", "audio/")
MEDIA = ("image/", *PLAYED)
BINARY = (*MEDIA, MODELS[".glb"])
HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Collector:
    """Brings one run's results here."""

    api: Api
    context: RunContext
    max_bytes: int
    texts_as_files: bool = False
    """Whether each text becomes a file of its node, in addition."""

    async def collect(
        self,
        outputs: Mapping[str, Any],
        graph: Graph,
        *,
        frames: Sequence[Frame] = (),
        missing: Sequence[MissingNode] = (),
    ) -> Outcome:
        """Bring files and texts, with the pictures that were sent (``frames``), in the graph's order.

        ``missing`` are nodes that did not run; the result names them. Raises :class:`FinalError` if there is nothing.
        """
        items, texts = items_of(outputs, graph), texts_of(outputs, graph)
        count = len(items) + len(frames) + (len(texts) if self.texts_as_files else 0)
        if count > MAX_FILES:
            raise FinalError(f"The graph made {count} files; at most {MAX_FILES} are taken.")
        files = [await asyncio.to_thread(_pictured, frame) for frame in frames]
        for number, item in enumerate(items, 1):
            try:
                files.append(await self._bring(item, number))
            except OutputGoneError:
                if not item.shown:
                    raise
            self.context.progress(RAN + (100.0 - RAN) * number / len(items), f"Result {number} of {len(items)}")
        if self.texts_as_files:
            files += [
                Produced(f"text_{number:05}_.txt", "text/plain", text.encode("utf-8", "replace"), node=node)
                for number, (node, text) in enumerate(texts, 1)
            ]
        place = {node: number for number, node in enumerate(graph)}
        files.sort(key=lambda file: place.get(file.node or "", len(place)))
        data: dict[str, Any] = {}
        text = "\n".join(text for _, text in texts).encode("utf-8", "replace")
        if len(text) > MAX_TEXT_BYTES and not self.texts_as_files:
            files.append(Produced("text.txt", "text/plain", text, node=texts[0][0]))
        elif text and len(text) <= MAX_TEXT_BYTES:
            data["text"] = text.decode()
        if not files and not data:
            raise _nothing(missing)
        return Outcome(files=files, data=data | ({"missing_nodes": list(missing)} if missing else {}))

    async def _bring(self, item: Item, number: int) -> Produced:
        target = self.context.folder / f"output-{number}"
        params = {"filename": item.filename, "subfolder": item.subfolder, "type": "output"}
        for tries_left in reversed(range(TRIES)):
            try:
                said = await self.api.download(params, target, self.max_bytes)
                break
            except OutputGoneError as error:
                if item.shown:
                    raise
                if REPLACEMENT in item.filename + item.subfolder:
                    raise FinalError(
                        f"ComfyUI's output {item.filename} has a broken character in its name and cannot be asked for:"
                        " change the prefix that the node names its files with.",
                        details={"code": "output_unreachable"},
                    ) from error
                # Nodes that ran before are not run again: their files of then are named, though somebody may have
                # removed them. Told to forget what it keeps in memory, ComfyUI makes them anew at the next try.
                await self.api.post("/free", {"free_memory": True, "unload_models": False})
                raise
            except RetryableError:
                # The graph has run, which is the dear part; the file is still there.
                if not tries_left:
                    raise
        return await asyncio.to_thread(_described, target, item, said)


def _nothing(missing: Sequence[MissingNode]) -> FinalError:
    if missing:
        first = missing[0]
        text = f"Nothing of the graph was made. Node {first['node_id']} ({first['class_type']}): {first['reason']}"
        return FinalError(text, details={"code": "nothing_made", "missing_nodes": list(missing)[:MAX_NODES]})
    return FinalError("The graph ran and stored nothing: it needs a node that saves, such as SaveImage.")


def _pictured(frame: Frame) -> Produced:
    with frame.path.open("rb") as file:
        mime_type = type_of(frame.name, file.read(HEAD), "")
    width, height = _size(frame.path)
    return Produced(frame.name, mime_type, frame.path, width=width, height=height, node=frame.node)


def _described(path: Path, item: Item, said: str) -> Produced:
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise FinalError(f"ComfyUI's output {item.filename} is empty.")
    mime_type = type_of(item.filename, head, said)
    width, height = _size(path) if mime_type.startswith("image/") else (None, None)
    name = PurePosixPath(item.filename.replace("\\", "/")).name
    return Produced(
        name if "." in name else f"{name}{mimetypes.guess_extension(mime_type) or '.bin'}",
        mime_type,
        path,
        width=width,
        height=height,
        node=item.node,
    )


def type_of(filename: str, head: bytes, said: str) -> str:
    """Determine a file's media type: by its name if its first bytes allow that, else by those, else as the server says.

    Raises :class:`RetryableError` for a text, such as an error page, in the place of a picture, video, sound or model.
    """
    named = MODELS.get(PurePosixPath(filename).suffix.lower()) or mimetypes.guess_type(filename)[0] or ""
    if named.startswith(BINARY) and named != "image/svg+xml" and is_text(head[:512]):
        raise RetryableError(f"Instead of its output {filename}, ComfyUI's address gave a text, such as a web page.")
    looks: list[str] = []
    with contextlib.suppress(puremagic.PureError, ValueError):
        looks = [match.mime_type for match in puremagic.magic_string(head) if match.mime_type]
    plays = named.startswith(PLAYED) and any(look.startswith(PLAYED) for look in looks)
    # A container of sound looks like one of video, and one kind of container like another.
    if named and (named in looks or not looks or not named.startswith(MEDIA) or plays):
        return named
    return (looks[0] if looks else said) or "application/octet-stream"


def is_text(head: bytes) -> bool:
    """Return whether a file's first bytes are those of a text: no picture, video or sound begins like one."""
    return bool(head) and all(byte >= 0x20 or byte in b"\t\n\r" for byte in head)


def _size(path: Path) -> tuple[int | None, int | None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return image.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None, None
