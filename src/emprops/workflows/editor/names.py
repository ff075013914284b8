"""The names that nodes of a saved workflow were given for texts such as ``%Base.width%``. Pure."""

from typing import Any

from emprops.workflows.editor.graph import read_workflow
from emprops.workflows.editor.layout import laid_out

PROPERTY = "Node name for S&R"
"""The editor's "search and replace"; it gives most nodes their type as such a name."""
MAX_NAME = 200
"""Characters."""


def names_in(data: Any) -> dict[str, str]:
    """Return the names that are not the node's type, and for each the id in API form of the first node that has it.

    Raises :class:`~emprops.workflows.editor.graph.NotAnEditorGraphError`.
    """
    names: dict[str, str] = {}
    for canvas in laid_out(read_workflow(data)):
        for node in canvas.graph.nodes.values():
            name = node.properties.get(PROPERTY)
            if isinstance(name, str) and name not in ("", node.type) and len(name) <= MAX_NAME:
                names.setdefault(name, canvas.id_of(node))
    return names
