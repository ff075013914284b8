"""Models and custom nodes: list, read, look up many, add, change, delete."""

from enum import Enum
from typing import Annotated

from fastapi import Path, Request

from emprops.audit.actions import Action
from emprops.audit.service import record
from emprops.auth.caller import OPERATOR, Caller
from emprops.auth.dependencies import CurrentCaller, OperatorCaller, PublicRoute
from emprops.auth.once import Once
from emprops.auth.roles import has_role
from emprops.catalog import service, store
from emprops.catalog.schemas import (
    CustomNodeBody,
    CustomNodeChange,
    CustomNodeView,
    DeletedCatalogItem,
    FoundCustomNodes,
    FoundModels,
    ModelBody,
    ModelChange,
    ModelView,
    NamesBody,
    custom_node_view,
    model_view,
)
from emprops.errors import NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.web.endpoint import Reader, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.kit.web.paging import Paging

routes = router()
MODELS: list[str | Enum] = ["models"]
CUSTOM_NODES: list[str | Enum] = ["custom nodes"]

Name = Annotated[str, Path(max_length=255, description="The name, which may have slashes in it.")]


@routes.get("/models", tags=MODELS, dependencies=[PublicRoute])
async def list_models(reader: Reader, page: Paging) -> Envelope[list[ModelView]]:
    """List models by name."""
    return ok([model_view(model) for model in await store.list_models(reader, page)])


@routes.post("/models", tags=MODELS, status_code=201, responses=failures(_409="There is a model of this name already."))
async def create_model(
    body: ModelBody, request: Request, caller: CurrentCaller, tx: Tx, resources: Shared, _once: Once = None
) -> Envelope[ModelView]:
    """Add a model, so that workflows can need it. For operators, services, and users where that is allowed."""
    service.check_may_add(resources.settings, operator=await has_role(request, caller, OPERATOR))
    model = await service.add_model(tx, body.new())
    await _note(tx, caller, "model", body.name, "added")
    return ok(model_view(model))


@routes.post("/models/batch", tags=MODELS, dependencies=[PublicRoute])
async def find_models(body: NamesBody, reader: Reader) -> Envelope[FoundModels]:
    """Look up models by their names."""
    found = {model.name: model for model in await store.models_named(reader, body.names)}
    names = list(dict.fromkeys(body.names))
    models = [model_view(found[name]) for name in names if name in found]
    return ok(FoundModels(models=models, not_found=[name for name in names if name not in found]))


@routes.get("/models/{name:path}", tags=MODELS, dependencies=[PublicRoute])
async def get_model(name: Name, reader: Reader) -> Envelope[ModelView]:
    """Read a model by its name."""
    found = await store.models_named(reader, [name])
    if not found:
        raise NotFoundError("Model not found")
    return ok(model_view(found[0]))


@routes.patch("/models/{name:path}", tags=MODELS, responses=failures(_409="The new name is taken already."))
async def change_model(name: Name, body: ModelChange, operator: OperatorCaller, tx: Tx) -> Envelope[ModelView]:
    """Change what is sent of a model. For operators and services."""
    changed = await service.change_model(tx, name, body.model_dump(exclude_unset=True))
    await _note(tx, operator, "model", name, "changed")
    return ok(model_view(changed))


@routes.delete("/models/{name:path}", tags=MODELS, responses=failures(_409="Workflows need it."))
async def delete_model(name: Name, operator: OperatorCaller, tx: Tx) -> Envelope[DeletedCatalogItem]:
    """Delete a model that no workflow needs. For operators and services."""
    await service.delete(tx, "model", name)
    await _note(tx, operator, "model", name, "deleted")
    return ok(DeletedCatalogItem(name=name))


@routes.get("/custom-nodes", tags=CUSTOM_NODES, dependencies=[PublicRoute])
async def list_custom_nodes(
    reader: Reader, page: Paging, is_default: bool | None = None
) -> Envelope[list[CustomNodeView]]:
    """List custom nodes in the order in which they are installed."""
    nodes = await store.list_custom_nodes(reader, page, is_default=is_default)
    return ok([custom_node_view(node) for node in nodes])


@routes.get("/custom-nodes/defaults", tags=CUSTOM_NODES, dependencies=[PublicRoute])
async def list_default_custom_nodes(reader: Reader, page: Paging) -> Envelope[list[CustomNodeView]]:
    """List the custom nodes that every machine installs, in the order in which they are installed."""
    nodes = await store.list_custom_nodes(reader, page, is_default=True)
    return ok([custom_node_view(node) for node in nodes])


@routes.post(
    "/custom-nodes",
    tags=CUSTOM_NODES,
    status_code=201,
    responses=failures(_409="There is a custom node of this name already."),
)
async def create_custom_node(
    body: CustomNodeBody, request: Request, caller: CurrentCaller, tx: Tx, resources: Shared, _once: Once = None
) -> Envelope[CustomNodeView]:
    """Add a custom node, so that workflows can need it. For operators, services, and users where that is allowed."""
    service.check_may_add(resources.settings, operator=await has_role(request, caller, OPERATOR))
    node = await service.add_custom_node(tx, body.new())
    await _note(tx, caller, "custom_node", body.name, "added")
    return ok(custom_node_view(node))


@routes.post("/custom-nodes/batch", tags=CUSTOM_NODES, dependencies=[PublicRoute])
async def find_custom_nodes(body: NamesBody, reader: Reader) -> Envelope[FoundCustomNodes]:
    """Look up custom nodes by their names."""
    found = {node.name: node for node in await store.custom_nodes_named(reader, body.names)}
    names = list(dict.fromkeys(body.names))
    nodes = [custom_node_view(found[name]) for name in names if name in found]
    return ok(FoundCustomNodes(custom_nodes=nodes, not_found=[name for name in names if name not in found]))


@routes.get("/custom-nodes/{name:path}", tags=CUSTOM_NODES, dependencies=[PublicRoute])
async def get_custom_node(name: Name, reader: Reader) -> Envelope[CustomNodeView]:
    """Read a custom node by its name."""
    found = await store.custom_nodes_named(reader, [name])
    if not found:
        raise NotFoundError("Custom node not found")
    return ok(custom_node_view(found[0]))


@routes.patch("/custom-nodes/{name:path}", tags=CUSTOM_NODES, responses=failures(_409="The new name is taken already."))
async def change_custom_node(
    name: Name, body: CustomNodeChange, operator: OperatorCaller, tx: Tx
) -> Envelope[CustomNodeView]:
    """Change what is sent of a custom node. For operators and services."""
    changed = await service.change_custom_node(tx, name, body.model_dump(exclude_unset=True))
    await _note(tx, operator, "custom_node", name, "changed")
    return ok(custom_node_view(changed))


@routes.delete("/custom-nodes/{name:path}", tags=CUSTOM_NODES, responses=failures(_409="Workflows need it."))
async def delete_custom_node(name: Name, operator: OperatorCaller, tx: Tx) -> Envelope[DeletedCatalogItem]:
    """Delete a custom node that no workflow needs. For operators and services."""
    await service.delete(tx, "custom_node", name)
    await _note(tx, operator, "custom_node", name, "deleted")
    return ok(DeletedCatalogItem(name=name))


async def _note(tx: Transaction, caller: Caller, kind: str, name: str, what: str) -> None:
    await record(tx, caller.actor, Action.CATALOGUE_CHANGED, f"{kind}:{name}", {"what": what})
