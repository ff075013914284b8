"""What a caller may do other than generate: roles from the mode, from a token's claims, and from grants.

``author``: make and change workflows, projects and collections. ``viewer``: read how the installation does.
"""

from starlette.requests import HTTPConnection

from emprops.auth import role_store
from emprops.auth.caller import AUTHOR, SERVICE, VIEWER, Caller
from emprops.auth.role_names import everybody_may_author
from emprops.kit.web.endpoint import resources_of


async def has_role(connection: HTTPConnection, caller: Caller, role: str) -> bool:
    """Return whether a caller has a role. Services with the scope ``service`` may do what each role may."""
    if SERVICE in caller.scopes or role in caller.roles:
        return True
    resources = resources_of(connection)
    if role == AUTHOR and everybody_may_author(resources.settings):
        return True
    if caller.user_id is None:
        return role == VIEWER and caller.is_service
    async with resources.database.reader() as reader:
        return await role_store.has_role(reader, caller.user_id, [role])
