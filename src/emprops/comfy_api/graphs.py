"""The graph of a submission: what is wrong with its form, and the assets it refers to. Pure.

An asset is named by ``{"__type": "core/ASSET", "info": {"id": …}}`` in the place of a file's name.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from emprops.comfy_api.failures import EditorGraphError, MissingAssetError, WorkflowError
from emprops.connectors.comfyui.submitted import ASSET, TYPE
from emprops.workflows import comfy_graph
from emprops.workflows.comfy_graph import Graph

EDITOR = ("nodes", "links")


def checked(graph: Any) -> Graph:
    """Return a graph whose form is right. Raises :class:`WorkflowError` and :class:`EditorGraphError`."""
    if graph is None:
        raise WorkflowError("workflow is missing: send a ComfyUI graph in API form.")
    if isinstance(graph, dict) and any(isinstance(graph.get(name), list) for name in EDITOR):
        raise EditorGraphError
    problems = comfy_graph.problems_of(graph)
    if problems:
        nodes: dict[str, list[dict[str, str]]] = {}
        for problem in problems:
            if problem.node is not None:
                told = {"field": problem.field, "reason": problem.reason, "message": problem.sentence}
                nodes.setdefault(problem.node, []).append(told)
        raise WorkflowError(f"{problems[0].sentence[:1].upper()}{problems[0].sentence[1:]}.", nodes)
    return dict(graph)


def lacking(graph: Graph, classes: list[str]) -> WorkflowError:
    """Return the error of a graph with node classes that no live machine has."""
    nodes = {
        node: [
            {
                "field": "class_type",
                "reason": "unknown_node_class",
                "message": f"No live machine has {content['class_type']} together with the graph's other classes.",
            }
        ]
        for node, content in graph.items()
        if content["class_type"] in classes
    }
    first = next(iter(nodes))
    return WorkflowError(f"Node {first} ({graph[first]['class_type']}): no live machine has this node class.", nodes)


def assets_of(graph: Graph) -> set[UUID]:
    """Return the ids of the assets that a graph refers to. Raises :class:`MissingAssetError` for a malformed one."""
    return {_id_of(reference, node) for node, content in graph.items() for reference in _references(content)}


def resolved(graph: Graph, urls: Mapping[UUID, str]) -> dict[str, Any]:
    """Return the graph with the place of each asset in its reference, for the worker that brings it."""
    return {node: _resolved(content, urls) for node, content in graph.items()}


def _references(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if node.get(TYPE) == ASSET:
            yield node
        else:
            for value in node.values():
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _id_of(reference: Mapping[str, Any], node: str) -> UUID:
    info = reference.get("info")
    try:
        return UUID(info["id"])  # type: ignore[index]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise MissingAssetError(
            f"Node {node[:100]} refers to an asset without its id: upload the file, and refer to the id it gets."
        ) from None


def _resolved(node: Any, urls: Mapping[UUID, str]) -> Any:
    if isinstance(node, dict):
        if node.get(TYPE) == ASSET:
            return {TYPE: ASSET, "info": {**node["info"], "url": urls[UUID(node["info"]["id"])]}}
        return {name: _resolved(value, urls) for name, value in node.items()}
    return [_resolved(value, urls) for value in node] if isinstance(node, list) else node
