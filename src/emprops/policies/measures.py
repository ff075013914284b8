"""What a payload asks for: which models, how many pixels, how many results, how many seconds. Pure.

A payload has no schema that holds for all job types, so fields are known by what they are called. What is not JSON is a
value that another step will give: it is measured once it is there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from emprops.connectors.fetch_api.definition import urls_of

MODELS = frozenset({"model", "models", "model_id", "model_name", "engine", "engine_id"})
COUNTS = frozenset({"n", "samples", "batch_size", "num_images", "num_outputs", "num_samples", "number_of_images"})
SECONDS = frozenset({"duration", "seconds", "duration_seconds"})
SIDE = re.compile(r"(.*?)[_-]?(width|height)", re.IGNORECASE)
AREA = re.compile(r"(?:.*[_-])?(?:size|resolution|dimensions)", re.IGNORECASE)
BY = re.compile(r"\s*(\d{1,9})\s*[x×*]\s*(\d{1,9})\s*", re.IGNORECASE)
NUMBER = re.compile(
    r"\s*\+?((?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:e\+?\d{1,4})?)\s*(?:px|s|sec|secs|seconds?)?\s*", re.IGNORECASE
)
"""A number as services may read it; ComfyUI takes ``1_024`` and ``+1024``."""
MOST = 1e15
MOST_LINKS = 20
LITERALS = ("value", "int", "float", "number")
"""Inputs of ComfyUI's nodes that only hold a number, for others to be linked to."""
MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Measures:
    """What a step asks for; 0 where it does not say."""

    models: frozenset[str] = frozenset()
    pixels: float = 0
    """Of the largest picture. A side whose other one is not said counts as that of a square."""
    count: float = 0
    seconds: float = 0
    open: bool = False
    """Whether a model is named by a value that is still to come."""


def measured(payload: Any, models: Iterable[str] = ()) -> Measures:
    """Measure a payload. ``models``: those that are known to be used besides the ones that its fields name."""
    named = set(models)
    pixels = count = seconds = 0.0
    is_open = False
    for fields in _objects(payload):
        pixels = max(pixels, _pixels(fields))
        for key, value in fields.items():
            name = key.lower()
            if name in COUNTS:
                count = max(count, _number(value))
            elif name in SECONDS:
                seconds = max(seconds, _number(value))
            elif name in MODELS:
                for one in value if isinstance(value, list) else [value]:
                    is_open = is_open or not isinstance(one, str | int | float | None)
                    named |= _name(one)
    return Measures(frozenset(named), pixels, count, seconds, is_open)


def of_request(payload: Mapping[str, Any]) -> Any:
    """Return what a ``fetch_api`` payload sends: the body, and the queries of its addresses."""
    api = payload.get("api")
    return [payload.get("body"), *(dict(parse_qsl(urlsplit(url).query)) for url in urls_of(api))]


def of_graph(graph: Any) -> Any:
    """Return the inputs of a ComfyUI graph without its links; one to a node that only holds a value becomes that."""
    if not isinstance(graph, Mapping):
        return graph
    return [
        {name: _linked(graph, value) for name, value in node["inputs"].items()}
        for node in graph.values()
        if isinstance(node, Mapping) and isinstance(node.get("inputs"), Mapping)
    ]


def _linked(graph: Mapping[str, Any], value: Any, links: int = 0) -> Any:
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and value[0] in graph):
        return value
    node = graph.get(value[0])
    inputs = node.get("inputs") if isinstance(node, Mapping) else None
    held = [inputs[name] for name in inputs if name.lower() in LITERALS] if isinstance(inputs, Mapping) else []
    return _linked(graph, held[0], links + 1) if len(held) == 1 and links < MOST_LINKS else None


def _objects(node: Any) -> Iterator[Mapping[str, Any]]:
    unseen = [node]
    while unseen:
        one = unseen.pop()
        if isinstance(one, Mapping):
            yield one
            unseen += one.values()
        elif isinstance(one, list):
            unseen += one


def _pixels(fields: Mapping[str, Any]) -> float:
    """Return the most pixels that the fields of one object ask for."""
    sides: dict[str, dict[str, float]] = {}
    most = 0.0
    for key, value in fields.items():
        if match := SIDE.fullmatch(key):
            sides.setdefault(match[1].lower(), {})[match[2].lower()] = _number(value)
        elif key.lower() == "megapixels":
            most = max(most, _number(value) * MEGA)
        elif AREA.fullmatch(key):
            most = max(most, _area(value, alone=key.lower() == "size"))
    for pair in sides.values():
        width, height = pair.get("width", 0.0), pair.get("height", 0.0)
        most = max(most, (width or height) * (height or width))
    return most


def _area(value: Any, *, alone: bool) -> float:
    if isinstance(value, str) and (match := BY.fullmatch(value)):
        return float(match[1]) * float(match[2])
    if isinstance(value, list) and len(value) == 2:
        return _number(value[0]) * _number(value[1])
    return _number(value) ** 2 if alone else 0.0


def _number(value: Any) -> float:
    if isinstance(value, bool):
        return 0.0
    if isinstance(value, int | float):
        return float(value) if abs(value) < MOST else MOST
    match = NUMBER.fullmatch(value) if isinstance(value, str) else None
    return min(float(match[1].replace("_", "")), MOST) if match else 0.0


def _name(value: Any) -> set[str]:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        return set()
    return {str(value)}
