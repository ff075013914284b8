"""What users may do."""

from typing import Annotated
from uuid import UUID

from fastapi import Path

from emprops.auth import granting, role_store
from emprops.auth.dependencies import OperatorCaller, ViewerCaller
from emprops.auth.schemas import RoleGrantView, RoleName
from emprops.errors import NotFoundError
from emprops.kit.web.endpoint import Reader, Tx, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.paging import Paging

routes = router(tags=["users"])

UserId = Annotated[UUID, Path(description="The user's id.")]
Role = Annotated[RoleName, Path(description="The role.")]


@routes.get("/users/roles")
async def list_grants(_viewer: ViewerCaller, reader: Reader, page: Paging) -> Envelope[list[RoleGrantView]]:
    """List the roles that users were granted, newest first."""
    return ok([RoleGrantView.model_validate(one) for one in await role_store.list_grants(reader, page)])


@routes.get("/users/{user_id}/roles")
async def get_roles(user_id: UserId, _viewer: ViewerCaller, reader: Reader) -> Envelope[list[RoleGrantView]]:
    """List what a user was granted. Roles that come with their tokens are not among them."""
    return ok([RoleGrantView.model_validate(one) for one in await role_store.grants_of(reader, user_id)])


@routes.put("/users/{user_id}/roles/{role}")
async def grant_role(user_id: UserId, role: Role, operator: OperatorCaller, tx: Tx) -> Envelope[list[RoleGrantView]]:
    """Grant a user a role; again, it changes nothing. Replies with all that they have been granted."""
    by = granting.grantor(operator)
    granted = await granting.grant(tx, user_id, role, actor=operator.actor, by=by)
    return ok([RoleGrantView.model_validate(one) for one in granted])


@routes.delete("/users/{user_id}/roles/{role}")
async def revoke_role(user_id: UserId, role: Role, operator: OperatorCaller, tx: Tx) -> Envelope[list[RoleGrantView]]:
    """Take a role back. Replies with what is left. What the user made with it stays."""
    left = await granting.revoke(tx, user_id, role, actor=operator.actor)
    if left is None:
        raise NotFoundError(f"The user was not granted the role {role}.")
    return ok([RoleGrantView.model_validate(one) for one in left])
