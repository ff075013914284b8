"""What a caller may do other than generate: roles from the mode, from a token's claims or a session, and from grants.

``author``: make and change workflows, projects and collections. ``operator``: run the installation; also both others.
``viewer``: read what an operator reads.
"""

from starlette.requests import HTTPConnection

from emprops.auth import role_store
from emprops.auth.caller import AUTHOR, OPERATOR, SERVICE, VIEWER, Caller
from emprops.auth.role_names import everybody_may_author
from emprops.auth.startup import is_for_one_machine
from emprops.kit.web.endpoint import resources_of
from emprops.settings import Settings


async def has_role(connection: HTTPConnection, caller: Caller, role: str) -> bool:
    """Return whether a caller has a role. Services with the scope ``service`` may do what each role may."""
    if SERVICE in caller.scopes or not caller.roles.isdisjoint({role, OPERATOR}):
        return True
    resources = resources_of(connection)
    if role == AUTHOR and everybody_may_author(resources.settings):
        return True
    if is_the_local_user(caller, resources.settings):
        return True
    if caller.user_id is None:
        return role == VIEWER and caller.is_service
    async with resources.database.reader() as reader:
        return await role_store.has_role(reader, caller.user_id, [role, OPERATOR])


def is_the_local_user(caller: Caller, settings: Settings) -> bool:
    """Return whether a caller can only be who sits at this machine, who may do everything with it anyway."""
    by_header = caller.key_id is None and caller.session_id is None and caller.user_id is not None
    return by_header and is_for_one_machine(settings)
