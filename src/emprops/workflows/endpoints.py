"""List, read, make, change and delete workflows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path

from emprops.auth.dependencies import AuthorRoute, CurrentCaller, PublicRoute
from emprops.auth.once import Once
from emprops.auth.reading import reads_only
from emprops.connectors.comfyui.catalogue import Catalogue
from emprops.errors import NotFoundError
from emprops.kit.web.endpoint import Reader, Resources, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.kit.web.paging import Paging
from emprops.workflows import importing, job_types, service, store
from emprops.workflows.analysis_schemas import conversion_view
from emprops.workflows.editor.convert import Remark
from emprops.workflows.machines import LiveMachines
from emprops.workflows.schemas import (
    ConvertedGraph,
    DeletedWorkflow,
    Include,
    RequireApiKeys,
    SavedGraph,
    SavedWorkflow,
    Shown,
    WorkflowBody,
    WorkflowChanges,
    WorkflowItem,
    WorkflowView,
    item_of,
    saved_view,
    view_of,
)
from emprops.workflows.service import Saved
from emprops.workflows.uploads import FileRoute, described

routes = router(prefix="/workflows", tags=["workflows"], route_class=FileRoute)

Name = Annotated[str, Path(max_length=200, description="The workflow's name.")]
NO_CATALOGUE = "The workflow is as ComfyUI's editor saves it, and nobody is there to convert it by."


@dataclass(frozen=True, slots=True)
class _New:
    """A new workflow with a graph in API format, and what is to be said about its conversion."""

    body: WorkflowBody
    warnings: Sequence[Remark] = ()
    saved: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Changed:
    """Changes with a graph in API format, and what is to be said about its conversion."""

    body: WorkflowChanges
    warnings: Sequence[Remark] = ()
    saved: bytes | None = None


async def _new(body: WorkflowBody, resources: Shared) -> _New:
    """Convert a saved workflow before the transaction begins."""
    if body.type != "comfy_workflow":
        return _New(body)
    taken = await importing.take(body.data, resources.redis, resources.settings.queue_prefix)
    return _New(body.model_copy(update={"data": taken.data}), taken.warnings, taken.saved)


async def _changes(name: Name, body: WorkflowChanges, resources: Shared) -> _Changed:
    if importing.editor_graph_in(body.data) is None:
        return _Changed(body)
    kind = body.type
    if kind is None:
        async with resources.database.reader() as reader:
            row = await store.get(reader, name)
        kind = row.type if row is not None else None  # type: ignore[assignment]
    if kind != "comfy_workflow":
        return _Changed(body)
    taken = await importing.take(body.data, resources.redis, resources.settings.queue_prefix)
    return _Changed(body.model_copy(update={"data": taken.data}), taken.warnings, taken.saved)


async def _classes_of_new(sent: Annotated[_New, Depends(_new)], resources: Shared) -> Catalogue:
    return await importing.live_classes(sent.body.data, resources.redis, resources.settings.queue_prefix)


async def _classes_of_changed(sent: Annotated[_Changed, Depends(_changes)], resources: Shared) -> Catalogue:
    return await importing.live_classes(sent.body.data, resources.redis, resources.settings.queue_prefix)


async def _unserved(saved: Saved, resources: Resources) -> list[str]:
    row = saved.row
    return await job_types.warnings(row.type, row.data, resources.redis, resources.settings.queue_prefix)


@routes.get("", dependencies=[PublicRoute], response_model_exclude_unset=True)
async def list_workflows(
    reader: Reader,
    page: Paging,
    include: Include = False,
    require_api_keys: RequireApiKeys = False,
    display: Shown = "true",
) -> Envelope[list[WorkflowItem]]:
    """List workflows in their order. Those not meant for display come with `display=all`."""
    rows = await store.list_page(
        reader,
        page,
        with_data=include,
        display=None if display == "all" else display == "true",
        requires_api_keys=True if require_api_keys else None,
    )
    return Envelope(data=[item_of(row, with_data=include) for row in rows], error=None)


@routes.post(
    "",
    dependencies=[AuthorRoute],
    status_code=201,
    responses=failures(_409=f"There is a workflow of this name already. {NO_CATALOGUE}"),
    openapi_extra=described([*WorkflowBody.model_fields], required=["name"]),
)
async def create_workflow(
    sent: Annotated[_New, Depends(_new)],
    classes: Annotated[Catalogue, Depends(_classes_of_new)],
    caller: CurrentCaller,
    machines: LiveMachines,
    resources: Shared,
    tx: Tx,
    _once: Once = None,
) -> Envelope[SavedWorkflow]:
    """Make a workflow. What it needs must be in the catalog.

    A `comfy_workflow` takes a graph in API format, or as ComfyUI's editor saves it while a worker with a ComfyUI lives.
    Instead of JSON, send a picture, video or sound that ComfyUI made: in a form with the other fields, or as the body
    itself with those in the query. Label and MIME type then follow from the name and the file, unless they are sent.
    The reply says which node classes and model files the graph uses and, unless they are given, which inputs became
    a form; `analysis.warnings` say what the conversion left out, and which node classes no live machine has, and
    `warnings` that no live worker serves the job type that a workflow names.
    """
    body = sent.body
    saved = await service.create(
        tx, caller, body.name, body.definition(), body.needs(), classes, sent.saved, body.price()
    )
    return ok(saved_view(saved, [*sent.warnings, *machines.remarks(saved.graph)], await _unserved(saved, resources)))


@routes.post(
    "/convert",
    dependencies=[AuthorRoute],
    responses=failures(_409=NO_CATALOGUE),
    response_model_exclude_unset=True,
    openapi_extra=described(["object_info"]),
)
@reads_only
async def convert_workflow(body: SavedGraph, caller: CurrentCaller, resources: Shared) -> Envelope[ConvertedGraph]:
    """Convert a workflow as ComfyUI's editor saves it to API format; nothing is stored.

    Instead of JSON, send a picture, video or sound that ComfyUI made, as the body itself or in a form.
    What cannot be converted is named in `details.nodes`: the node, its class, and why. What was left out, and values
    that were passed over, are named in `analysis.warnings` in the same way; `analysis.filled_inputs` names texts that
    are filled in for each generation.
    """
    del caller
    if body.object_info is not None:
        catalogues = iter([importing.catalogue_of(body.object_info)])
    else:
        catalogues = await importing.live_catalogues(resources.redis, resources.settings.queue_prefix)
    imported = await asyncio.to_thread(importing.imported, body.workflow, catalogues, body.prompt)
    made = ConvertedGraph(**imported.data(), analysis=conversion_view(imported))
    return Envelope(data=made, error=None)


CHANGE: dict[str, Any] = {
    "dependencies": [AuthorRoute],
    "responses": failures(_409=f"The new name is taken, or collections use the old one. {NO_CATALOGUE}"),
    "openapi_extra": described([*WorkflowChanges.model_fields]),
}


@routes.get("/{name}", dependencies=[PublicRoute])
async def get_workflow(name: Name, reader: Reader) -> Envelope[WorkflowView]:
    """Read a workflow with the models and custom nodes it needs."""
    row = await store.get(reader, name)
    if row is None:
        raise NotFoundError("Workflow not found")
    return ok(view_of(row))


@routes.patch("/{name}", **CHANGE)
@routes.put("/{name}", operation_id="putWorkflow", **CHANGE)
async def change_workflow(
    name: Name,
    sent: Annotated[_Changed, Depends(_changes)],
    classes: Annotated[Catalogue, Depends(_classes_of_changed)],
    caller: CurrentCaller,
    machines: LiveMachines,
    resources: Shared,
    tx: Tx,
) -> Envelope[SavedWorkflow]:
    """Change one of the caller's workflows; what is not sent stays. Services may change every workflow.

    A file in place of JSON is taken as when a workflow is made: it brings a new graph, and the other fields stay.
    """
    body = sent.body
    saved = await service.change(
        tx, caller, name, body.changes(), body.needs(), classes, sent.saved, body.price(), body.name
    )
    return ok(saved_view(saved, [*sent.warnings, *machines.remarks(saved.graph)], await _unserved(saved, resources)))


@routes.delete("/{name}", responses=failures(_409="A collection uses the workflow."))
async def delete_workflow(name: Name, caller: CurrentCaller, tx: Tx) -> Envelope[DeletedWorkflow]:
    """Delete one of the caller's workflows that no collection uses. Services may delete every workflow."""
    row = await service.remove(tx, caller, name)
    return ok(DeletedWorkflow(id=row.id, name=row.name))
