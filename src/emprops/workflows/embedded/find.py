"""The workflow in a file that ComfyUI made, or that its editor saved."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from emprops.kit.lenient_json import NotJsonError, read_json
from emprops.kit.text import storable_json
from emprops.media.sniff import HEAD_BYTES, sniff
from emprops.workflows.editor.graph import is_editor_graph
from emprops.workflows.embedded.pictures import in_png, in_webp
from emprops.workflows.embedded.sounds import in_flac, in_mp3, in_ogg
from emprops.workflows.embedded.source import MAX_TEXT, Source, Text, UnreadableFileError
from emprops.workflows.embedded.videos import in_matroska, in_mp4

READERS: Mapping[str, Callable[[Source], Iterator[Text]]] = {
    "image/png": in_png,
    "image/webp": in_webp,
    "video/mp4": in_mp4,
    "video/quicktime": in_mp4,
    "audio/mp4": in_mp4,
    "video/webm": in_matroska,
    "video/x-matroska": in_matroska,
    "audio/webm": in_matroska,
    "audio/flac": in_flac,
    "audio/ogg": in_ogg,
    "audio/mpeg": in_mp3,
}
JSON = "application/json"
KNOWN = (
    "a PNG or WebP picture, an MP4, MOV, WebM or MKV video, a FLAC, MP3, Opus or Ogg sound that ComfyUI made, or a"
    " workflow as JSON"
)
MAX_DEPTH = 64
MOST_WRAPPED = 3
"""How often a text may be JSON within JSON."""


class NoWorkflowError(Exception):
    """There is no workflow in the file; the sentence says what to send instead."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a file has; at least one of the two graphs."""

    mime_type: str
    """Of the file, by content."""
    workflow: dict[str, Any] | None = None
    """As the editor saves it."""
    prompt: dict[str, Any] | None = None
    """In API form: what ComfyUI ran."""

    def data(self) -> dict[str, Any]:
        """Return it as a workflow's data: ``workflow``, and ``prompt`` if that is another graph."""
        if self.workflow is None:
            return {"workflow": self.prompt}
        return {"workflow": self.workflow} | ({} if self.prompt is None else {"prompt": self.prompt})


def find_workflow(file: BinaryIO) -> Found:
    """Find the workflow in a file of any of the kinds in :data:`KNOWN`. Raises :class:`NoWorkflowError`."""
    mime_type = sniff(file.read(HEAD_BYTES))
    source = Source(file)
    if mime_type != JSON and mime_type not in READERS:
        raise NoWorkflowError(f"The file is nothing that holds a ComfyUI workflow. Send {KNOWN}.")
    graphs: dict[str, dict[str, Any]] = {}
    damage = ""
    try:
        for name, text in _whole(source) if mime_type == JSON else READERS[mime_type](source):
            _take(graphs, name, text)
            if len(graphs) == 2:
                break
    except UnreadableFileError as error:
        damage = str(error)
    if graphs:
        return Found(mime_type, **graphs)
    if mime_type == JSON:
        raise NoWorkflowError(
            damage or "The JSON is no ComfyUI workflow: save it from the editor, or export it as API."
        )
    raise NoWorkflowError(
        damage
        or f"This {mime_type} file has no ComfyUI workflow in it. Files lose it when they are edited, shared in"
        " chats, or saved with metadata turned off: take the one from ComfyUI's output folder, or save the workflow"
        " from the editor as JSON."
    )


def _whole(source: Source) -> Iterator[Text]:
    if source.size > MAX_TEXT:
        raise UnreadableFileError(f"The JSON has more than {MAX_TEXT // 1024 // 1024} MB.")
    yield "comment", source.read(source.size).decode("utf-8", "replace")


def _take(graphs: dict[str, dict[str, Any]], name: str, text: str) -> None:
    """Take a graph from a text: one that is named so, or, in a comment, either of both."""
    if name not in ("workflow", "prompt", "comment"):
        return
    document = _parsed(text)
    if not isinstance(document, dict):
        return
    inner = [_parsed(document[key]) for key in ("workflow", "prompt") if key in document]
    for graph in [document, *inner]:
        if is_editor_graph(graph):
            graphs.setdefault("workflow", graph)
        elif _is_api_graph(graph):
            graphs.setdefault("prompt", graph)


def _parsed(value: Any) -> Any:
    for _ in range(MOST_WRAPPED):
        if not isinstance(value, str):
            break
        try:
            value = read_json(value.strip())
        except NotJsonError:
            return None
    try:
        return storable_json(value, max_depth=MAX_DEPTH)
    except ValueError:
        return None  # nested too deep


def _is_api_graph(graph: Any) -> bool:
    return (
        isinstance(graph, dict)
        and bool(graph)
        and all(isinstance(node, dict) and isinstance(node.get("class_type"), str) for node in graph.values())
    )
