"""Which files and texts the nodes of a graph put out, by what ComfyUI's history has of them. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from emprops.connectors.comfyui.problems import Graph, class_of

TEXTS = frozenset({"text", "texts", "string", "strings", "value", "values", "tags", "caption", "captions", "result"})
"""Under which names nodes put out texts; strings under others are remarks for the editor."""
MODELS = {
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".obj": "model/obj",
    ".stl": "model/stl",
    ".usdz": "model/vnd.usdz+zip",
    ".ply": "application/x-ply",
    ".fbx": "application/octet-stream",
    ".splat": "application/octet-stream",
    ".ksplat": "application/octet-stream",
    ".spz": "application/octet-stream",
}
"""Files of 3-D models and their media types, of which Python knows some on some machines."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file in ComfyUI's output folder, as a node names it."""

    node: str
    filename: str
    subfolder: str
    shown: bool = False
    """The node only shows it (``Preview3D``): the file may be elsewhere, or not be there."""


def items_of(outputs: Mapping[str, Any], graph: Graph) -> list[Item]:
    """List the files, in the graph's order. One that several nodes or lists name comes once."""
    found: dict[tuple[str, str], Item] = {}
    for node, name, values in _records(outputs, graph):
        for value in values:
            item = _stored(node, value) or _shown(node, name, value)
            if item is None:
                continue
            place = item.subfolder, item.filename
            if place not in found or (found[place].shown and not item.shown):
                found[place] = item
    return list(found.values())


def texts_of(outputs: Mapping[str, Any], graph: Graph) -> list[tuple[str, str]]:
    """List the texts: ``(node, text)``."""
    found: list[tuple[str, str]] = []
    for node, name, values in _records(outputs, graph):
        if name.lower() not in TEXTS or class_of(graph, node).startswith("Preview3D"):
            continue
        texts = [value for value in values if isinstance(value, str) and value and not _shown(node, name, value)]
        if len(texts) > 1 and all(len(text) == 1 for text in texts):
            # The node gave a text where ComfyUI wants a list of texts, and so makes a list of its letters.
            texts = ["".join(texts)]
        found += [(node, text) for text in texts]
    return found


def _records(outputs: Mapping[str, Any], graph: Graph) -> Iterator[tuple[str, str, list[Any]]]:
    place = {node: number for number, node in enumerate(graph)}
    for node in sorted(outputs, key=lambda name: place.get(name, len(place))):
        record = outputs[node]
        for name, values in (record if isinstance(record, dict) else {}).items():
            yield node, name, values if isinstance(values, list) else [values]


def _stored(node: str, value: Any) -> Item | None:
    match value:
        case {"filename": str(filename)} if filename and value.get("type", "output") == "output":
            subfolder = value.get("subfolder")
            return Item(node, filename, subfolder if isinstance(subfolder, str) else "")
    return None


def _shown(node: str, name: str, value: Any) -> Item | None:
    """Read a path as ``Preview3D`` has it: below the output folder, unless it says otherwise."""
    if name != "result" or not isinstance(value, str):
        return None
    path = PurePosixPath(value.removesuffix(" [output]").replace("\\", "/"))
    if path.suffix.lower() not in MODELS or path.is_absolute() or ".." in path.parts or "://" in value:
        return None
    return Item(node, path.name, "" if path.parent.name == "" else str(path.parent), shown=True)
