"""Converting in tests: what a saved workflow becomes, and what is said about it."""

from typing import Any

from tests.workflows.saved import OBJECT_INFO, Saved

from emprops.connectors.comfyui.catalogue import Catalogue, read_catalogue
from emprops.workflows import comfy_graph
from emprops.workflows.editor.convert import convert

CATALOGUE = read_catalogue(OBJECT_INFO)


def known(*more: dict[str, Any]) -> Catalogue:
    """The machine's classes, and more of them."""
    return read_catalogue({name: info for classes in (OBJECT_INFO, *more) for name, info in classes.items()})


def api(saved: Saved | dict[str, Any], catalogue: Catalogue = CATALOGUE, *, warned: bool = False) -> dict[str, Any]:
    """The graph; nothing may keep it from being made, and nothing be said about it unless ``warned``."""
    converted = convert(saved.json() if isinstance(saved, Saved) else saved, catalogue)
    assert converted.problems == [], converted.problems
    assert bool(converted.warnings) == warned, converted.warnings
    assert comfy_graph.find_problems(converted.graph) == []
    return converted.graph


def problems(saved: Saved, catalogue: Catalogue = CATALOGUE) -> list[str]:
    return [str(problem) for problem in convert(saved.json(), catalogue).problems]


def warnings(saved: Saved, catalogue: Catalogue = CATALOGUE) -> list[str]:
    converted = convert(saved.json(), catalogue)
    assert converted.problems == [], converted.problems
    return [str(warning) for warning in converted.warnings]
