"""Taking in workflows as ComfyUI's editor saves them: converted by the node classes of a machine that lives."""

import asyncio
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.connectors.comfyui.catalogue import Catalogue, CatalogueError, NodeClass, read_catalogue, unpack
from emprops.connectors.comfyui.editor import pack as pack_workflow
from emprops.errors import BadRequestError, ConflictError
from emprops.queue.catalogues import Catalogues
from emprops.workflows import comfy_graph
from emprops.workflows.comfy_data import SHOWN, WRAPPERS, classes_in
from emprops.workflows.comfy_fills import CHOICES, FilledInput, filled_inputs, fills_of, saved_fills
from emprops.workflows.editor.app_mode import Shown, shown_in
from emprops.workflows.editor.convert import Converted, Remark, convert
from emprops.workflows.editor.graph import is_editor_graph
from emprops.workflows.editor.names import said_in

log = structlog.get_logger(__name__)

SHOWN_PROBLEMS = 3


class GraphNotConvertedError(BadRequestError):
    """A saved workflow cannot be converted; ``details.nodes`` says why, for each node that is in the way."""

    code = "graph_not_converted"

    def __init__(self, problems: Sequence[Remark]) -> None:
        shown = "; ".join(map(str, problems[:SHOWN_PROBLEMS]))
        more = f" (and {len(problems) - SHOWN_PROBLEMS} more)" if len(problems) > SHOWN_PROBLEMS else ""
        nodes = [{"node": one.node, "class_type": one.class_type, "reason": one.reason} for one in problems]
        super().__init__(f"The workflow cannot be converted: {shown}{more}.", extra={"details": {"nodes": nodes}})
        self.problems = problems


class NoCatalogueError(ConflictError):
    """No live worker says which node classes there are."""

    code = "no_node_catalogue"

    def __init__(self) -> None:
        super().__init__(
            "This workflow is as ComfyUI's editor saves it, and no live worker has a ComfyUI to convert it by:"
            " start one, convert it with object_info, or export it in API format."
        )


def editor_graph_in(data: Any) -> Mapping[str, Any] | None:
    """Find the saved workflow in what was sent as a workflow's data, bare or wrapped; None if there is none."""
    found = [data] if is_editor_graph(data) else []
    if isinstance(data, dict):
        found += [data[key] for key in WRAPPERS if is_editor_graph(data.get(key))]
    return found[0] if found else None


async def live_classes(data: Any, redis: Redis, prefix: str) -> Catalogue:
    """Return what live machines say of the node classes that a workflow's graph uses, the newest first; empty while
    Redis does not answer."""
    wanted = classes_in(data)
    shown = await _shown(redis, prefix) if wanted else ()
    return await asyncio.to_thread(_found, wanted, shown) if shown else {}


def _found(wanted: frozenset[str], shown: Sequence[bytes]) -> Catalogue:
    found: dict[str, NodeClass] = {}
    for packed in shown:
        missing = wanted - found.keys()
        if not missing:
            break
        found |= next(_readable([packed], missing), {})
    return found


async def live_catalogues(redis: Redis, prefix: str) -> Iterator[Catalogue]:
    """Return the node classes of the machines that live; none while Redis does not answer. Each is read when its turn
    comes, which takes a while: go through them in a thread."""
    return _readable(await _shown(redis, prefix))


async def _shown(redis: Redis, prefix: str) -> Sequence[bytes]:
    try:
        return await Catalogues(redis, prefix).all()
    except (RedisError, OSError) as error:
        log.warning("node catalogues unreadable", error=str(error))
        return ()


def _readable(shown: Sequence[bytes], wanted: Container[str] | None = None) -> Iterator[Catalogue]:
    for packed in shown:
        try:
            yield unpack(packed, wanted)
        except CatalogueError as error:
            log.warning("catalogue of a worker unreadable", error=str(error))


@dataclass(frozen=True, slots=True)
class Imported:
    """A saved workflow as it is stored."""

    graph: dict[str, Any]
    """In API form."""
    fills: dict[str, Any]
    """Which of its texts are filled in for each generation (``comfy_fills.py``); empty if none is."""
    warnings: Sequence[Remark]
    """What was left out of the graph, and values that were passed over."""
    shown: Sequence[Sequence[tuple[str, str]]] = ()
    """For each widget that the workflow's app shows, the inputs that it sets."""

    def data(self) -> dict[str, Any]:
        """Return what of a workflow's data comes from it."""
        more = {"fills": self.fills, SHOWN: [[list(target) for target in targets] for targets in self.shown]}
        return {"workflow": self.graph} | {name: value for name, value in more.items() if value}

    def filled(self) -> tuple[list[FilledInput], list[Remark]]:
        """Return the inputs whose text is filled in, and remarks on what looks so and stays as it is."""
        filled, unfilled = filled_inputs(self.graph, self.fills)
        return filled, [Remark(node, self.graph[node]["class_type"], reason) for node, reason in unfilled]


@dataclass(frozen=True, slots=True)
class Taken:
    """A workflow's data with a saved workflow in it converted, and what is to be said about that."""

    data: Any
    warnings: Sequence[Remark] = ()
    saved: bytes | None = None
    """The saved workflow, packed, for jobs to carry; None if there is none, or it is too large for that."""


def imported(graph: Mapping[str, Any], catalogues: Iterable[Catalogue], prompt: Any = None) -> Imported:
    """Convert a saved workflow; a graph in API form stays as it is.

    ``prompt``: the same in API form, as files that ComfyUI made have it, in case the other cannot be converted. Raises
    what :func:`converted` does.
    """
    if not is_editor_graph(graph) and not comfy_graph.find_problems(graph):
        return Imported(dict(graph), fills_of(graph, next(iter(catalogues), {}), CHOICES), ())
    try:
        return converted(graph, catalogues)
    except (NoCatalogueError, GraphNotConvertedError) as error:
        if comfy_graph.find_problems(prompt):
            raise
        reason = f"the graph that ComfyUI ran stands in for the saved workflow, which was not converted: {error}"
        shown = shown_in(graph)
        return Imported(prompt, {}, [Remark("", "", reason), *_lost(shown, graph)], shown.inputs)


def converted(graph: Mapping[str, Any], catalogues: Iterable[Catalogue]) -> Imported:
    """Convert a saved workflow by the first catalogue that allows it without a warning, else with the fewest.

    Raises :class:`NoCatalogueError` if there is none, and :class:`GraphNotConvertedError` with what keeps the machine
    from it that comes nearest.
    """
    best: tuple[Converted, Catalogue] | None = None
    for catalogue in catalogues:
        result = convert(graph, catalogue)
        if best is None or _faults(result) < _faults(best[0]):
            best = result, catalogue
        if _faults(result) == (0, 0):
            break
    if best is None:
        raise NoCatalogueError
    result, catalogue = best
    if result.problems:
        raise GraphNotConvertedError(result.problems)
    fills = saved_fills(result.graph, catalogue, said_in(graph))
    shown = shown_in(graph)
    return Imported(result.graph, fills, [*result.warnings, *_lost(shown, graph)], shown.inputs)


def _lost(shown: Shown, graph: Mapping[str, Any]) -> list[Remark]:
    types = {str(node.get("id")): str(node.get("type")) for node in graph["nodes"] if isinstance(node, dict)}
    return [
        Remark(node, types.get(node, ""), f"the app shows its input {widget}, which the workflow does not have")
        for node, widget in shown.lost
    ]


def _faults(result: Converted) -> tuple[int, int]:
    return len(result.problems), len(result.warnings)


async def take(data: Any, redis: Redis, prefix: str) -> Taken:
    """Return a workflow's data with a saved workflow in it converted; any other data as they are.

    A graph in API form that comes with the saved one, as ``prompt``, takes its place if it cannot be converted.
    Raises what :func:`converted` does.
    """
    graph = editor_graph_in(data)
    if graph is None:
        return Taken(data)
    rest = {} if graph is data else {name: value for name, value in data.items() if name not in WRAPPERS}
    catalogues = await live_catalogues(redis, prefix)
    made = await asyncio.to_thread(imported, graph, catalogues, data.get("prompt"))
    return Taken(made.data() | rest, made.warnings, await asyncio.to_thread(pack_workflow, graph))


def catalogue_of(object_info: Mapping[str, Any]) -> Catalogue:
    """Read an ``/object_info`` document that somebody sends."""
    return read_catalogue(object_info)
