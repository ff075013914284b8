"""What ComfyUI says when it refuses a graph, or fails while running it, as typed errors with node and class. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from emprops.connectors.base import BadInputError, ConnectorError, FinalError, RetryableError
from emprops.connectors.comfyui.offers import is_model

Graph = Mapping[str, Mapping[str, Any]]
MissingNode = dict[str, str]
"""An output node that did not run: ``node_id``, ``class_type``, ``reason``."""

EXCERPT = 500
MAX_NODES = 10
"""Of how many nodes a refusal's details tell."""
MAX_MISSING = 50
"""Of how many nodes that did not run a result tells."""
OUT_OF_MEMORY = ("OutOfMemoryError", "MemoryError")
"""Endings of the exceptions of PyTorch, Python and NumPy."""
OUT_OF_MEMORY_SAYS = re.compile(
    r"out of (?:\w+ ){0,2}memory\b(?! (?:bounds|range|access))"  # CUDA, HIP, MPS, XPU, NPU; also as a RuntimeError
    r"|out_of_(?:\w+_)?memory|OutOfMemory|MemoryAllocation|ALLOC_FAILED"  # error codes of CUDA, HIP, cuBLAS, oneAPI
    r"|not enough (?:\w+ ){0,3}memory|can(?:'t|not) allocate memory|would exceed allowed memory",
    re.IGNORECASE,
)
BLOCKED = "ExecutionBlocked"


def refusal(status: int, document: Any, graph: Graph) -> ConnectorError:
    """Read the answer to a prompt that was not taken, or only in part (``{error, node_errors}``)."""
    document = document if isinstance(document, dict) else {}
    said = document.get("error")
    error: Mapping[str, Any] = said if isinstance(said, dict) else {"message": str(said or "")}
    missing = _missing_class(error, graph)
    if missing is not None:
        return missing
    problems = list(_node_problems(document.get("node_errors"), graph))
    details: dict[str, Any] = {"code": "graph_refused", "status": status, "nodes": problems[:MAX_NODES]}
    for problem in problems:
        if problem["code"] == "missing_model":
            return FinalError(
                f"{problem['model']} is not on this ComfyUI (node {problem['node_id']}, {problem['class_type']}): "
                "link the model to the workflow, so that only machines that have it take the job.",
                details=details | problem,
            )
    if problems:
        first = problems[0]
        sentence = f"ComfyUI refuses node {first['node_id']} ({first['class_type']}): {first['message']}"
        return BadInputError(_sentence(sentence), details=details | first)
    text = " ".join(str(error[key]) for key in ("message", "details") if error.get(key))
    return BadInputError(_sentence(f"ComfyUI refuses the graph: {text or f'it answered {status}'}"), details=details)


def failure(data: Mapping[str, Any], graph: Graph) -> ConnectorError:
    """Read an ``execution_error``: the failure of one node."""
    node = str(data.get("node_id", ""))
    class_type = str(data.get("node_type") or class_of(graph, node))
    kind = str(data.get("exception_type", ""))
    text = str(data.get("exception_message", "")).strip()[:EXCERPT]
    # The traceback and the inputs stay out: they name the machine's folders, and may be of any size.
    details = {"node_id": node, "class_type": class_type, "exception_type": kind, "exception_message": text}
    where = f"Node {node} ({class_type})"
    if kind.endswith(OUT_OF_MEMORY) or OUT_OF_MEMORY_SAYS.search(text):
        return RetryableError(f"{where} ran out of memory.", details={"code": "out_of_memory"} | details)
    return FinalError(_sentence(f"{where} failed: {text or kind}"), details={"code": "node_error"} | details)


def is_block(data: Mapping[str, Any]) -> bool:
    """Return whether an ``execution_error`` is only that of a branch: ComfyUI goes on with the others."""
    return data.get("exception_type") == BLOCKED


def missing_outputs(node_errors: Any, graph: Graph) -> list[MissingNode]:
    """List the outputs that do not run because of these errors, each with the first reason."""
    found: dict[str, MissingNode] = {}
    for problem in _node_problems(node_errors, graph):
        where = f"Node {problem['node_id']} ({problem['class_type']})"
        for output in problem["outputs"] or [problem["node_id"]]:
            reason = _sentence(f"{where} was refused: {problem['message']}")
            found.setdefault(output, missing_node(output, reason, graph))
    return list(found.values())[:MAX_MISSING]


def missing_node(node: str, reason: str, graph: Graph) -> MissingNode:
    """Name a node that did not run."""
    return {"node_id": node, "class_type": class_of(graph, node), "reason": reason}


def interrupted(data: Mapping[str, Any], graph: Graph) -> RetryableError:
    """Read an ``execution_interrupted`` that this run did not ask for."""
    node = str(data.get("node_id", ""))
    details = {"code": "interrupted", "node_id": node, "class_type": class_of(graph, node)}
    return RetryableError("Somebody interrupted the run at the ComfyUI machine.", details=details)


def class_of(graph: Graph, node: str) -> str:
    """Return a node's class; a node of a subgraph (``12.0.3``) has that of the node which made it."""
    for name in (node, node.partition(".")[0]):
        if name in graph:
            return str(graph[name].get("class_type", ""))
    return ""


def title_in(content: Mapping[str, Any]) -> str:
    """Return the title that a graph has for a node; empty if it has none."""
    meta = content.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return title if isinstance(title, str) else ""


def _missing_class(error: Mapping[str, Any], graph: Graph) -> FinalError | None:
    info = error.get("extra_info")
    info = info if isinstance(info, dict) else {}
    details = str(error.get("details", ""))
    if error.get("type") == "missing_node_type":
        node, class_type = str(info.get("node_id", "")), str(info.get("class_type", ""))
    elif error.get("type") == "invalid_prompt" and details.startswith("Node ID '#"):
        # how versions before the type above name the node
        node, class_type = details.removeprefix("Node ID '#").rstrip("'"), ""
    else:
        return None
    class_type = class_type or class_of(graph, node)
    return FinalError(
        f"ComfyUI has no node class {class_type} (node {node}): install the custom node, or link it to the workflow, "
        "so that only machines that have it take the job.",
        details={"code": "missing_node_class", "node_id": node, "class_type": class_type},
    )


def _node_problems(node_errors: Any, graph: Graph) -> Iterator[dict[str, Any]]:
    for node, content in (node_errors if isinstance(node_errors, dict) else {}).items():
        errors = content.get("errors") if isinstance(content, dict) else None
        for error in errors if isinstance(errors, list) else ():
            if isinstance(error, dict):
                problem = _problem(node, str(content.get("class_type") or class_of(graph, node)), error)
                outputs = content.get("dependent_outputs")
                yield problem | {"outputs": [name for name in outputs or () if isinstance(name, str)][:MAX_NODES]}


def _problem(node: str, class_type: str, error: Mapping[str, Any]) -> dict[str, Any]:
    info = error.get("extra_info")
    info = info if isinstance(info, dict) else {}
    received = info.get("received_value")
    # The details of a value that is not in a list repeat the whole list: all files of the machine.
    plain = error.get("type") == "value_not_in_list"
    details = repr(received) if plain else str(error.get("details", ""))
    message = f"{error.get('message', '')}: {details}"[:EXCERPT]
    problem = {
        "code": "bad_input",
        "node_id": node,
        "class_type": class_type,
        "input": str(info.get("input_name", "")),
        "message": message,
    }
    if plain and is_model(received):
        problem |= {"code": "missing_model", "model": str(received)[:EXCERPT]}
    return problem


def _sentence(text: str) -> str:
    text = text.strip()[:EXCERPT]
    return text if text.endswith((".", "!", "?")) else f"{text}."
