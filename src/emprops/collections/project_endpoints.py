"""Make, read and rename projects."""

from typing import Any
from uuid import UUID

from emprops.auth.dependencies import AuthorRoute, CurrentCaller, CurrentUser
from emprops.auth.once import Once
from emprops.collections import project_store, projects
from emprops.collections.schemas import ProjectBody, ProjectView
from emprops.kit.web.endpoint import Reader, Tx, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.paging import Paging

routes = router(prefix="/projects", tags=["projects"])


@routes.post("", dependencies=[AuthorRoute], status_code=201, response_model=Envelope[ProjectView])
async def create_project(body: ProjectBody, user_id: CurrentUser, tx: Tx, _once: Once) -> Any:
    """Make a project."""
    return ok(ProjectView.model_validate(await projects.create(tx, user_id, body.name)))


@routes.get("", response_model=Envelope[list[ProjectView]])
async def list_projects(user_id: CurrentUser, reader: Reader, page: Paging) -> Any:
    """List the caller's projects, newest first."""
    found = await project_store.list_of_user(reader, user_id, page)
    return ok([ProjectView.model_validate(project) for project in found])


@routes.get("/{project_id}", response_model=Envelope[ProjectView])
async def get_project(project_id: UUID, caller: CurrentCaller, reader: Reader) -> Any:
    """Read one of the caller's projects."""
    return ok(ProjectView.model_validate(await projects.get_own(reader, caller, project_id)))


@routes.patch("/{project_id}", dependencies=[AuthorRoute], response_model=Envelope[ProjectView])
async def rename_project(project_id: UUID, body: ProjectBody, caller: CurrentCaller, tx: Tx) -> Any:
    """Rename one of the caller's projects."""
    return ok(ProjectView.model_validate(await projects.rename(tx, caller, project_id, body.name)))
