"""WebSockets: everything for monitors, one's own jobs for clients. ``docs/12-websocket.md`` lists the messages."""

from typing import Annotated

from fastapi import Depends, Path
from starlette.websockets import WebSocket

from emprops.auth import foreign
from emprops.auth.caller import VIEWER
from emprops.auth.dependencies import NO_VIEWER, CurrentCaller, SocketCaller
from emprops.auth.reading import reads_only
from emprops.auth.roles import has_role
from emprops.auth.tickets import SOCKET, TICKET_LIFE, issue_ticket
from emprops.errors import ForbiddenError
from emprops.jobs.schemas import StreamTicket
from emprops.kit.web.endpoint import Shared, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.parts import Part
from emprops.live.hub import Live
from emprops.orchestrator.endpoints.generations import Sending

routes = router(prefix="/ws", tags=["live"])

ClientName = Annotated[str, Path(min_length=1, max_length=100, description="Chosen by the client; it is repeated.")]


LIVE: Part[Live] = Part("live")


Connections = Annotated[Live, Depends(LIVE.depend)]


@routes.post("/ticket", status_code=201)
@reads_only
async def create_socket_ticket(caller: CurrentCaller, resources: Shared) -> Envelope[StreamTicket]:
    """Issue a ticket that opens one WebSocket, as `/ws/client/{id}?ticket=…`: browsers cannot send headers with it."""
    ticket = await issue_ticket(resources.redis, resources.settings.queue_prefix, caller, SOCKET)
    return ok(StreamTicket(ticket=ticket, expires_in=TICKET_LIFE))


@routes.websocket("/monitor/{client_id}")
async def monitor(
    websocket: WebSocket,
    client_id: ClientName,
    caller: SocketCaller,
    live: Connections,
    dispatcher: Sending,
    resources: Shared,
) -> None:
    """Show those who see what operators see everything: workers, machines, and the jobs of all users."""
    if not await has_role(websocket, caller, VIEWER):
        raise ForbiddenError(NO_VIEWER)
    await foreign.note_monitor(resources.database, caller)
    await live.serve(websocket, caller, client_id, dispatcher, is_monitor=True)


@routes.websocket("/client/{client_id}")
async def client(
    websocket: WebSocket, client_id: ClientName, caller: SocketCaller, live: Connections, dispatcher: Sending
) -> None:
    """Show a caller the jobs that it subscribes to, if they are its business."""
    await live.serve(websocket, caller, client_id, dispatcher, is_monitor=False)
