"""Make, read, change, publish and archive collections; make simple ones."""

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Path
from starlette.responses import Response

from emprops.auth.caller import SERVICE
from emprops.auth.dependencies import AuthorRoute, CurrentCaller, CurrentUser, OptionalCaller, PublicRoute
from emprops.auth.once import Once
from emprops.collections import service, store, version_store
from emprops.collections.form_schemas import CollectionFormView
from emprops.collections.global_queries import list_global
from emprops.collections.schemas import (
    CollectionBody,
    CollectionChanges,
    CollectionInProjectBody,
    CollectionItem,
    CollectionVersionDataView,
    CollectionVersionView,
    CollectionView,
    DevelopType,
    GlobalBody,
    GlobalCollectionView,
    PublicCollection,
    PublishBody,
    Status,
    view_of,
)
from emprops.collections.service import SimpleRequest
from emprops.collections.simple import SimpleVariable
from emprops.collections.simple_schemas import SimpleCollectionBody, SimpleCollectionView, simple_view_of
from emprops.collections.store import Details, Wanted
from emprops.errors import NotFoundError
from emprops.kit.web.endpoint import Reader, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok, reply
from emprops.kit.web.paging import Paging

routes = router(tags=["collections"])
global_routes = router(tags=["outputs"])

CollectionRef = Annotated[str, Path(max_length=200, description="The collection's id, or its short name.")]
Version = Annotated[str, Path(description="The number of the version.", examples=["1"])]
NUMBER = re.compile(r"[1-9][0-9]{0,8}")
DETAILS = set(Details.__dataclass_fields__)
ARCHIVED = failures(_409="The collection is archived.")
NO_PROJECT = failures(_404="Project not found")


@routes.post(
    "/workflows/create-simple-collection",
    dependencies=[AuthorRoute],
    status_code=201,
    response_model=Envelope[SimpleCollectionView],
    responses=NO_PROJECT,
    tags=["workflows"],
)
async def create_simple_collection(body: SimpleCollectionBody, user_id: CurrentUser, tx: Tx, _once: Once) -> Any:
    """Make a collection of one templated job, held for a social identity."""
    about = body.collection_details
    request = SimpleRequest(
        details=Details(**about.model_dump(include=DETAILS)),
        project_id=about.project_id,
        social_org=about.social_org,
        social_identifier=about.social_identifier,
        miniapp_user_id=about.miniapp_user_id,
        variables=[
            SimpleVariable(
                name=variable.name,
                template_mapping=variable.template_mapping,
                options=tuple(variable.options or ()),
                is_selectable=variable.is_selectable,
                is_customizable=variable.is_customizable,
            )
            for variable in body.variables
        ],
        job_type=body.job_type,
        template=body.template_json,
    )
    collection, link = await service.create_simple(tx, user_id, request)
    return ok(simple_view_of(collection, link, body))


@routes.post(
    "/collections",
    dependencies=[AuthorRoute],
    status_code=201,
    response_model=Envelope[CollectionView],
    responses=NO_PROJECT,
)
async def create_collection(body: CollectionInProjectBody, user_id: CurrentUser, tx: Tx, _once: Once) -> Any:
    """Make a collection, in the caller's default project unless one is named. It begins as a draft."""
    return ok(view_of(await service.create(tx, user_id, _details(body), body.data, project_id=body.project_id)))


@routes.post(
    "/projects/{project_id}/collections",
    dependencies=[AuthorRoute],
    status_code=201,
    response_model=Envelope[CollectionView],
)
async def create_collection_in_project(
    project_id: UUID, body: CollectionBody, user_id: CurrentUser, tx: Tx, _once: Once
) -> Any:
    """Make a collection in one of the caller's projects. It begins as a draft."""
    return ok(view_of(await service.create(tx, user_id, _details(body), body.data, project_id=project_id)))


@routes.get("/collections", response_model=Envelope[list[CollectionItem]])
async def list_collections(
    user_id: CurrentUser,
    reader: Reader,
    page: Paging,
    status: Status | None = None,
    project_id: UUID | None = None,
    *,
    archived: bool = False,
) -> Any:
    """List the caller's collections, newest first: those that are archived, or those that are not."""
    found = await store.list_of_user(reader, user_id, Wanted(archived, status, project_id), page)
    return ok([CollectionItem.model_validate(collection) for collection in found])


@routes.get("/collections/public", response_model=Envelope[list[PublicCollection]], dependencies=[PublicRoute])
async def list_public_collections(reader: Reader, page: Paging) -> Any:
    """List the public collections, last published first."""
    return ok([PublicCollection.model_validate(one) for one in await store.list_public(reader, page)])


@routes.get("/collections/{collection_id}", response_model=Envelope[CollectionView | PublicCollection])
async def get_collection(collection_id: CollectionRef, caller: CurrentCaller, reader: Reader) -> Any:
    """Read one of the caller's collections with its data, or the public view of a published one."""
    return ok(view_of(await service.get(reader, caller, collection_id)))


@routes.get(
    "/collections/{collection_id}/public", response_model=Envelope[PublicCollection], dependencies=[PublicRoute]
)
async def get_public_collection(collection_id: CollectionRef, reader: Reader) -> Any:
    """Read the public face of a published collection."""
    return ok(PublicCollection.model_validate(await service.get_shown(reader, collection_id)))


@routes.get("/collections/{collection_id}/form", response_model=Envelope[CollectionFormView])
async def get_collection_form(collection_id: CollectionRef, caller: OptionalCaller, reader: Reader) -> Response:
    """Describe the `variables` of a generate request as JSON Schema: what to ask people for, and how."""
    return reply(await service.get_form(reader, caller, collection_id))


@routes.patch("/collections/{collection_id}", dependencies=[AuthorRoute], response_model=Envelope[CollectionView])
@routes.put(
    "/collections/{collection_id}",
    operation_id="putCollection",
    dependencies=[AuthorRoute],
    response_model=Envelope[CollectionView],
)
async def change_collection(
    collection_id: CollectionRef, body: CollectionChanges, caller: CurrentCaller, tx: Tx
) -> Any:
    """Change one of the caller's collections. New data of a published one takes effect with the next publish."""
    return ok(view_of(await service.change(tx, caller, collection_id, body.model_dump(exclude_unset=True))))


@routes.post(
    "/collections/{collection_id}/publish",
    dependencies=[AuthorRoute],
    response_model=Envelope[CollectionView],
    responses=ARCHIVED,
)
async def publish_collection(
    collection_id: CollectionRef,
    caller: CurrentCaller,
    tx: Tx,
    body: Annotated[PublishBody | None, Body(examples=[{"version": 1}])] = None,
) -> Any:
    """Publish a collection: anyone who has its id can generate from it. Changed data becomes the next version, and
    so does the data of an earlier `version` that is published again; jobs that run keep their steps."""
    return ok(view_of(await service.publish(tx, caller, collection_id, body.version if body else None)))


@routes.delete(
    "/collections/{collection_id}",
    operation_id="deleteCollection",
    response_model=Envelope[CollectionView],
)
@routes.post("/collections/{collection_id}/archive", response_model=Envelope[CollectionView])
async def archive_collection(collection_id: CollectionRef, caller: CurrentCaller, tx: Tx) -> Any:
    """Archive a collection: nobody can generate from it, and only its owner sees it. Its outputs stay."""
    return ok(view_of(await service.change(tx, caller, collection_id, {"archived": True})))


@routes.post(
    "/collections/{collection_id}/unarchive", dependencies=[AuthorRoute], response_model=Envelope[CollectionView]
)
async def unarchive_collection(collection_id: CollectionRef, caller: CurrentCaller, tx: Tx) -> Any:
    """Bring an archived collection back, as it was."""
    return ok(view_of(await service.change(tx, caller, collection_id, {"archived": False})))


@routes.post(
    "/collections/{collection_id}/global",
    operation_id="setCollectionGlobal",
    dependencies=[AuthorRoute],
    response_model=Envelope[CollectionView],
)
async def set_global(
    collection_id: CollectionRef, body: GlobalBody, caller: CurrentCaller, tx: Tx, resources: Shared
) -> Any:
    """Let everyone develop outputs with a collection, which in production takes a service key; or no longer
    (`is_global: false`)."""
    changed = await service.set_global(
        tx,
        caller,
        collection_id,
        is_global=body.is_global,
        input_type=body.input_type,
        output_type=body.output_type,
        trusted=resources.settings.mode != "production" or SERVICE in caller.scopes,
    )
    return ok(view_of(changed))


@routes.get(
    "/collections/{collection_id}/versions",
    operation_id="listCollectionVersions",
    response_model=Envelope[list[CollectionVersionView]],
)
async def list_versions(collection_id: CollectionRef, caller: CurrentCaller, reader: Reader, page: Paging) -> Any:
    """List what was published of one of the caller's collections, newest first."""
    collection = await service.get_own(reader, caller, collection_id)
    found = await version_store.list_versions(reader, collection.id, page)
    return ok([CollectionVersionView.model_validate(version) for version in found])


@routes.get(
    "/collections/{collection_id}/versions/{version}",
    operation_id="getCollectionVersion",
    response_model=Envelope[CollectionVersionDataView],
)
async def get_version(collection_id: CollectionRef, version: Version, caller: CurrentCaller, reader: Reader) -> Any:
    """Read one published state of one of the caller's collections."""
    collection = await service.get_own(reader, caller, collection_id)
    found = await version_store.get_version(reader, collection.id, int(version)) if NUMBER.fullmatch(version) else None
    if found is None:
        raise NotFoundError("Version not found")
    return ok(CollectionVersionDataView.model_validate(found))


def _details(body: CollectionBody) -> Details:
    return Details(**body.model_dump(include=DETAILS))


@global_routes.get("/outputs/develop/collections")
async def list_global_collections(
    _caller: CurrentCaller, reader: Reader, page: Paging, input_type: DevelopType | None = None
) -> Envelope[list[GlobalCollectionView]]:
    """List the global collections, with which outputs can be developed, newest first."""
    found = await list_global(reader, input_type, page)
    return ok([GlobalCollectionView.model_validate(one, from_attributes=True) for one in found])
