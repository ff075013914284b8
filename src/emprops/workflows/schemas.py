"""The shapes of workflow requests and replies."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from emprops.kit.web.schema import Schema
from emprops.workflows.analysis_schemas import AnalysisView, ConversionView, analysis_view
from emprops.workflows.editor.convert import Remark
from emprops.workflows.service import Needs, Price, Saved, price_of
from emprops.workflows.store import Definition, WorkflowRow

Type = Literal["basic", "comfy_workflow", "fetch_api", "direct_job", "dynamic_json"]
RESERVED = frozenset({"create-simple-collection"})
MAX_NEEDS = 200
MAX_ORDER = 2**31 - 1


def _usable_name(text: str) -> str:
    if text != text.strip() or not text.isprintable() or "/" in text or text in RESERVED:
        raise ValueError("must be a name without slashes, control characters, and spaces around it")
    return text


def _is_on(value: object) -> object:
    """Read ``eq.true``, the contract's spelling, and what else means the same."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower().removeprefix("eq.")
    return {"true": True, "1": True, "false": False, "0": False, "": False}.get(text, value)


Flag = Annotated[bool, BeforeValidator(_is_on)]
Include = Annotated[
    Flag, Query(description="Whether `data` is included: `eq.true`.", json_schema_extra={"type": "string"})
]
RequireApiKeys = Annotated[
    Flag, Query(description="Only workflows that need API keys of third parties.", json_schema_extra={"type": "string"})
]
Shown = Literal["true", "false", "all"]

Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_usable_name)]
Label = Annotated[str, Field(max_length=200)]
Description = Annotated[str, Field(max_length=5000)]
MimeType = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9.+-]+/[A-Za-z0-9.+*-]+$")]
Order = Annotated[int, Field(ge=-MAX_ORDER, le=MAX_ORDER)]
Names = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=MAX_NEEDS)]

EXAMPLE: dict[str, Any] = {
    "name": "portrait",
    "label": "Portrait",
    "description": "A portrait from a prompt",
    "output_mime_type": "image/png",
    "type": "direct_job",
    "data": {
        "form": {"fields": [{"id": "prompt", "type": "prompt_editor", "required": True}]},
        "inputs": [{"id": "prompt", "pathJq": ".payload.prompt"}],
        "job": {"service_required": "local_image", "payload": {"width": 512}},
    },
}


class WorkflowBody(Schema):
    """A new workflow. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    name: Name
    """What the steps of collections call it by."""
    label: Label
    description: Description
    data: Any
    """What it runs, as its type wants it; a ``comfy_workflow`` takes the graph in API format as it is."""
    output_mime_type: MimeType
    """The type of what it makes, such as `image/png`."""
    type: Type = "comfy_workflow"
    """What kind of definition `data` is."""
    display: bool = True
    """Whether it is in lists unless they ask for all."""
    order: Order = 0
    """Its place in lists; the lower, the sooner."""
    credits: Any = None
    """What a step costs, in place of ``data.credits``: a number, or a table; null: nothing."""
    models: Names | None = None
    """Models it needs; unless sent, those of a graph that the catalog has."""
    custom_nodes: Names | None = None
    """Custom nodes it needs."""

    def definition(self) -> Definition:
        """Return what may change later."""
        return Definition(
            label=self.label,
            description=self.description,
            type=self.type,
            data=self.data,
            output_mime_type=self.output_mime_type,
            display=self.display,
            order=self.order,
            requires_api_keys=False,
        )

    def needs(self) -> Needs:
        """Return the names to link."""
        return Needs(self.models, self.custom_nodes)

    def price(self) -> Price | None:
        """Return the price that was sent by itself."""
        return Price(self.credits) if "credits" in self.model_fields_set else None


class WorkflowChanges(Schema):
    """What to change of a workflow; what is not sent stays. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"label": "Portrait, large", "credits": 0.25}})

    name: Name | None = None
    """Another name, of a workflow that no collection uses."""
    label: Label | None = None
    description: Description | None = None
    data: Any = None
    """All of the new data; a price that is not in it stays."""
    credits: Any = None
    """What a step costs from now on: a number, or a table; null: nothing."""
    output_mime_type: MimeType | None = None
    """The type of what it makes, such as `image/png`."""
    type: Type | None = None
    """What kind of definition `data` is."""
    display: bool | None = None
    """Whether it is in lists unless they ask for all."""
    order: Order | None = None
    """Its place in lists; the lower, the sooner."""
    models: Names | None = None
    """All models it needs from now on."""
    custom_nodes: Names | None = None
    """All custom nodes it needs from now on."""

    def changes(self) -> dict[str, Any]:
        """Return what was sent of the definition."""
        sent = {name: getattr(self, name) for name in self.model_fields_set & Definition.__dataclass_fields__.keys()}
        return {name: value for name, value in sent.items() if value is not None}

    def needs(self) -> Needs:
        """Return the names to link."""
        return Needs(self.models, self.custom_nodes)

    def price(self) -> Price | None:
        """Return the price that was sent by itself."""
        return Price(self.credits) if "credits" in self.model_fields_set else None


EDITOR_GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": 1, "type": "LoadImage", "widgets_values": ["fox.png", "image"]},
        {"id": 2, "type": "SaveImage", "widgets_values": ["fox"], "inputs": [{"name": "images", "link": 1}]},
    ],
    "links": [[1, 1, 0, 2, 0, "IMAGE"]],
}
API_GRAPH: dict[str, Any] = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "fox.png"}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "fox"}},
}


class SavedGraph(Schema):
    """A workflow as ComfyUI's editor saves it. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"workflow": EDITOR_GRAPH}})

    workflow: dict[str, Any]
    """What the editor saves."""
    prompt: dict[str, Any] | None = None
    """The same in API format, for a workflow that cannot be converted: what ComfyUI keeps in the files it makes."""
    object_info: dict[str, Any] | None = None
    """What a ComfyUI answers at ``/object_info``, or ``/object_info/{class}`` for each class that is used; without it,
    the classes of live workers' machines count."""


class ConvertedGraph(Schema):
    """The same in API form: what a new workflow's ``data`` may be."""

    model_config = ConfigDict(json_schema_extra={"example": {"workflow": API_GRAPH, "analysis": {"warnings": []}}})

    workflow: dict[str, Any]
    """The graph in API format."""
    analysis: ConversionView
    """What is to be said about the conversion."""
    fills: dict[str, Any] = Field(default_factory=dict)
    """Which texts are filled in for each generation; left out if none is."""
    app_inputs: list[list[tuple[str, str]]] = Field(default_factory=list)
    """What the workflow's app shows, in App Mode: for each widget the inputs ``[node, name]`` that it sets. When the
    graph is stored, the proposed form has these. Left out if there is no app."""


class WorkflowItem(Schema):
    """A workflow in a list."""

    id: UUID
    name: str
    label: str
    type: Type
    """What kind of definition `data` is."""
    description: str
    created_at: datetime
    data: Any = None
    """Only with ``include=eq.true``."""


class WorkflowView(Schema):
    """A workflow with what it needs."""

    id: UUID
    name: str
    """What the steps of collections call it by."""
    label: str
    type: Type
    """What kind of definition `data` is."""
    description: str
    data: Any
    """What it runs, as its type has it."""
    credits: Any
    """What a step costs, as in ``data``: a number, or a table; null: nothing."""
    models: list[str]
    custom_nodes: list[str]
    output_mime_type: str
    """The type of what it makes, such as `image/png`."""
    display: bool
    """Whether it is in lists unless they ask for all."""
    order: int
    """Its place in lists; the lower, the sooner."""
    requires_api_keys: bool
    """Whether it needs keys of third parties."""
    created_at: datetime
    updated_at: datetime


class SavedWorkflow(WorkflowView):
    """A workflow that was just stored."""

    analysis: AnalysisView | None
    """For ``comfy_workflow``."""
    warnings: list[str]
    """What may be a mistake, in sentences, such as a job type that nobody serves."""


class DeletedWorkflow(Schema):
    """A workflow that is gone."""

    id: UUID
    name: str


def item_of(row: WorkflowRow, *, with_data: bool) -> WorkflowItem:
    """Show a workflow in a list."""
    values = asdict(row)
    if not with_data:
        del values["data"]  # unset, not null
    return WorkflowItem.model_validate(values)


def view_of(row: WorkflowRow) -> WorkflowView:
    """Show a workflow."""
    return WorkflowView.model_validate(_fields_of(row))


def saved_view(saved: Saved, remarks: Sequence[Remark], warnings: Sequence[str]) -> SavedWorkflow:
    """Show a workflow that was just stored. ``remarks``: those on its conversion."""
    found = saved.analysed
    analysis = None if found is None else analysis_view(saved.row.data["workflow"], found, remarks)
    return SavedWorkflow.model_validate({**_fields_of(saved.row), "analysis": analysis, "warnings": list(warnings)})


def _fields_of(row: WorkflowRow) -> dict[str, Any]:
    return {**asdict(row), "credits": price_of(row.data)}
