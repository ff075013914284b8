"""What a ComfyUI graph says about itself, and what is said about its conversion, as replies show it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from emprops.kit.web.schema import Schema
from emprops.workflows.comfy_fills import FilledInput
from emprops.workflows.editor.convert import Remark
from emprops.workflows.importing import Imported
from emprops.workflows.service import Analysed


class NodeWarning(Schema):
    """What somebody who stores or converts a graph should know of one of its nodes."""

    node: str
    class_type: str
    reason: str


class FilledInputView(Schema):
    """An input of a node whose text is filled in for each generation, as ComfyUI's editor does."""

    target: str
    """``node id.input name``."""
    signs: list[Literal["choices", "comments", "escapes", "dates", "values"]]
    """What is in the text."""


class ConversionView(Schema):
    """What is to be said about a conversion."""

    warnings: list[NodeWarning]
    """What was left out of the graph, and values that were passed over."""
    filled_inputs: list[FilledInputView] = Field(default_factory=list)
    """Inputs whose text is filled in for each generation; left out if there are none."""


class ModelUseView(Schema):
    """A model file that a node of the graph loads."""

    name: str
    """The file's name."""
    node: str
    class_type: str
    input: str
    """The node's input that names it."""


class ProposedInput(Schema):
    """A form field that was found in the graph, and which inputs of nodes it sets."""

    field: str
    """The form field's id."""
    type: str
    """The form field's type."""
    targets: list[str]
    """``node id.input name``."""


class AnalysisView(Schema):
    """What a graph says about itself."""

    node_classes: list[str]
    """The classes of its nodes."""
    models: list[ModelUseView]
    """Model files that its nodes load."""
    unknown_models: list[str]
    """Those that the catalog does not have, so that nothing keeps the workflow from machines without them."""
    inputs: list[ProposedInput]
    """Form fields that were found in it."""
    filled_inputs: list[FilledInputView]
    """Inputs whose text is filled in for each generation."""
    warnings: list[NodeWarning]
    """What its author should know, node by node."""


def analysis_view(graph: Mapping[str, Any], found: Analysed, warnings: Sequence[Remark]) -> AnalysisView:
    """Show what a graph says about itself. ``warnings``: those of its conversion."""
    return AnalysisView(
        node_classes=list(found.analysis.node_classes),
        models=[ModelUseView.model_validate(asdict(use)) for use in found.analysis.models],
        unknown_models=list(found.unknown_models),
        inputs=[
            ProposedInput(
                field=proposal.form_field["id"],
                type=proposal.form_field["type"],
                targets=[f"{node}.{name}" for node, name in proposal.targets],
            )
            for proposal in found.analysis.proposals
        ],
        filled_inputs=filled_views(found.analysis.filled),
        warnings=[
            *warnings_of(warnings),
            *(
                NodeWarning(node=node, class_type=graph[node]["class_type"], reason=reason)
                for node, reason in found.analysis.unfilled
            ),
        ],
    )


def conversion_view(imported: Imported) -> ConversionView:
    """Show what is to be said about a conversion."""
    filled, remarks = imported.filled()
    view = ConversionView(warnings=warnings_of([*imported.warnings, *remarks]))
    if filled:
        view.filled_inputs = filled_views(filled)
    return view


def filled_views(filled: Sequence[FilledInput]) -> list[FilledInputView]:
    """Show inputs whose text is filled in."""
    return [FilledInputView(target=f"{one.node}.{one.input}", signs=list(one.signs)) for one in filled]


def warnings_of(remarks: Sequence[Remark]) -> list[NodeWarning]:
    """Show what is to be said about nodes."""
    return [NodeWarning.model_validate(asdict(remark)) for remark in remarks]
