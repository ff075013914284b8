"""Source media: what a graph names by URL is brought here, uploaded, and named in the graph as ComfyUI has it."""

import asyncio
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from emprops.connectors.base import BadInputError, RunContext
from emprops.connectors.comfyui.api import Api
from emprops.connectors.comfyui.outputs import is_text
from emprops.connectors.comfyui.problems import Graph
from emprops.connectors.comfyui.submitted import ASSET, TYPE, is_url, url_in
from emprops.kit.storage import measure

MEDIA = frozenset({"image", "mask", "video", "audio", "file"})
"""Inputs of loaders (LoadImage, LoadImageMask, LoadVideo, VHS_LoadVideo, LoadAudio …) that name an uploaded file."""
MAX_UPLOADS = 50


def read_graph(payload: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Take the graph out of a ticket's payload. Raises :class:`BadInputError`."""
    graph = payload.get("workflow")
    if not isinstance(graph, dict) or not graph:
        raise BadInputError("workflow must be a ComfyUI graph in API form: node id → {class_type, inputs}.")
    for node, content in graph.items():
        if (
            not isinstance(content, dict)
            or not isinstance(content.get("class_type"), str)
            or not isinstance(content.get("inputs", {}), dict)
        ):
            raise BadInputError(f"workflow: node {node[:100]} needs class_type and inputs; export it in API form.")
    return {node: {**content, "inputs": dict(content.get("inputs", {}))} for node, content in graph.items()}


@dataclass(frozen=True, slots=True)
class Uploads:
    """Brings the inputs of one run. ``known`` are the inputs that the server itself says take uploads."""

    api: Api
    context: RunContext
    known: frozenset[tuple[str, str]] = frozenset()

    async def fill(self, graph: dict[str, dict[str, Any]]) -> None:
        """Replace URLs in ``graph`` by names of uploaded files; equal URLs are uploaded once."""
        names: dict[str, str] = {}
        for node, name, url in list(self._sources(graph)):
            graph[node]["inputs"][name] = await self._named(url, node, name, names, any_kind=name == "file")
        for node, content in graph.items():
            for name, value in content["inputs"].items():
                content["inputs"][name] = await self._with_assets(value, node, name, names)

    async def _named(self, url: str, node: str, name: str, names: dict[str, str], *, any_kind: bool) -> str:
        """Return how ComfyUI calls the file behind a URL."""
        if url not in names:
            if len(names) == MAX_UPLOADS:
                raise BadInputError(f"The graph names more than {MAX_UPLOADS} input files.")
            path, mime_type = await self.context.fetch(url)
            if not any_kind and mime_type != "image/svg+xml" and await asyncio.to_thread(_holds_text, path):
                raise BadInputError(
                    f"The input {name} of node {node} leads to a text ({mime_type}), not to a picture, video or sound."
                )
            # Named after its content: unlike files never meet under one name, and a second try finds the upload.
            _, digest = await asyncio.to_thread(measure, path)
            file_name = f"emprops-{digest[:40]}{_extension(url, mime_type)}"
            names[url] = await self.api.upload(path, file_name, mime_type)
        return names[url]

    async def _with_assets(self, value: Any, node: str, name: str, names: dict[str, str]) -> Any:
        """Return a value of an input with names in the place of asset references, wherever they are in it."""
        if isinstance(value, list):
            return [await self._with_assets(item, node, name, names) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get(TYPE) == ASSET:
            return await self._named(url_in(value, node), node, name, names, any_kind=True)
        return {key: await self._with_assets(item, node, name, names) for key, item in value.items()}

    def _sources(self, graph: Graph) -> Iterator[tuple[str, str, str]]:
        for node, content in graph.items():
            class_type = content["class_type"]
            loads = "load" in class_type.lower() and "url" not in class_type.lower()
            for name, value in content["inputs"].items():
                takes = (class_type, name) in self.known or (loads and name in MEDIA)
                if takes and isinstance(value, str) and is_url(value):
                    yield node, name, value


def _holds_text(path: Path) -> bool:
    with path.open("rb") as file:
        return is_text(file.read(512))


def _extension(url: str, mime_type: str) -> str:
    said = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    if mime_type == "image/jpeg":
        return ".jpg"
    guessed = mimetypes.guess_extension(mime_type)
    if guessed and mime_type != "application/octet-stream":
        return guessed
    return said if said[1:].isalnum() and len(said) <= 6 else ".bin"
