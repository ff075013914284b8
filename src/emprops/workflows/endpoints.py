"""List, read, make, change and delete workflows (spec: Workflow Management)."""

from typing import Annotated

from fastapi import Path

from emprops.auth.dependencies import CurrentCaller, PublicRoute
from emprops.auth.once import Once
from emprops.errors import NotFoundError
from emprops.kit.envelope import Envelope, failures, ok
from emprops.kit.paging import Paging
from emprops.kit.requests import Reader, Tx, router
from emprops.workflows import service, store
from emprops.workflows.schemas import (
    DeletedWorkflow,
    Include,
    RequireApiKeys,
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

routes = router(prefix="/workflows", tags=["workflows"])

Name = Annotated[str, Path(max_length=200, description="The workflow's name.")]


@routes.get("", dependencies=[PublicRoute], response_model_exclude_unset=True)
async def list_workflows(
    reader: Reader,
    page: Paging,
    include: Include = False,
    require_api_keys: RequireApiKeys = False,
    display: Shown = "true",
) -> Envelope[list[WorkflowItem]]:
    """List workflows in their order (spec: List Workflows). Those not meant for display come with `display=all`."""
    rows = await store.list_page(
        reader,
        page,
        with_data=include,
        display=None if display == "all" else display == "true",
        requires_api_keys=True if require_api_keys else None,
    )
    return Envelope(data=[item_of(row, with_data=include) for row in rows], error=None)


@routes.post("", status_code=201, responses=failures(_409="There is a workflow of this name already."))
async def create_workflow(
    body: WorkflowBody, caller: CurrentCaller, tx: Tx, _once: Once = None
) -> Envelope[SavedWorkflow]:
    """Make a workflow (spec: Create Workflow). What it needs must be in the catalog.

    Of a `comfy_workflow`, the reply says which node classes and model files its graph uses and, unless they are given,
    which inputs became a form.
    """
    saved = await service.create(tx, caller, body.name, body.definition(), body.needs())
    return ok(saved_view(saved))


@routes.get("/{name}", dependencies=[PublicRoute])
async def get_workflow(name: Name, reader: Reader) -> Envelope[WorkflowView]:
    """Read a workflow with the models and custom nodes it needs (spec: Get Workflow by Name)."""
    row = await store.get(reader, name)
    if row is None:
        raise NotFoundError("Workflow not found")
    return ok(view_of(row))


@routes.patch("/{name}")
@routes.put("/{name}")
async def change_workflow(name: Name, body: WorkflowChanges, caller: CurrentCaller, tx: Tx) -> Envelope[SavedWorkflow]:
    """Change an own workflow; what is not sent stays. Services may change every workflow."""
    return ok(saved_view(await service.change(tx, caller, name, body.changes(), body.needs())))


@routes.delete("/{name}", responses=failures(_409="A collection uses the workflow."))
async def delete_workflow(name: Name, caller: CurrentCaller, tx: Tx) -> Envelope[DeletedWorkflow]:
    """Delete an own workflow that no collection uses. Services may delete every workflow."""
    row = await service.remove(tx, caller, name)
    return ok(DeletedWorkflow(id=row.id, name=row.name))
