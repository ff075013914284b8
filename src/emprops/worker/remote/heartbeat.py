"""Lease renewal and the fleet entry over HTTP, over a blocking client: the heartbeat's side of the remote transport."""

import base64
from collections.abc import Sequence
from typing import Any

import httpx2
import structlog

from emprops.kit.chunks import chunks
from emprops.queue.bounds import MAX_CLAIMS
from emprops.queue.fleet import WorkerInfo
from emprops.queue.transport import Beat
from emprops.worker.remote.link import claim_body, offers_body
from emprops.worker.remote.server import Server, ServerSaysNoError, away, client_options, data_of, request_of

log = structlog.get_logger(__name__)

MAX_PREVIEWS = 8
"""Previews in one call."""
OWN = ("worker_id", "machine_id", "offers")
"""Fields of the entry that the server fills in, or that travel next to it."""


class RemoteHeartbeat:
    """A :class:`~emprops.queue.transport.Heartbeat` and :class:`~emprops.queue.transport.Membership`.

    ``patience`` (seconds) bounds each call: an outage must be noticed well before the leases end.
    """

    def __init__(self, server: Server, *, machine: str, patience: float) -> None:
        self.server = server
        self.machine = machine
        self._client = httpx2.Client(**client_options(server, patience))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def beat(self, beats: Sequence[Beat]) -> set[str]:
        """Renew leases and pass progress on, as many claims at a time as the server takes. Returns the step ids that
        are not ours any more."""
        lost: set[str] = set()
        for some in chunks(beats, MAX_CLAIMS):
            lost |= self._beat(some)
        return lost

    def _beat(self, beats: Sequence[Beat]) -> set[str]:
        try:
            return set(self._call("beat", {"beats": _items(beats)})["lost"])
        except ServerSaysNoError as error:
            refusal = error
        # One claim's news must not keep the others' leases from being renewed, nor its own.
        if len(beats) > 1:
            middle = len(beats) // 2
            return self._beat(beats[:middle]) | self._beat(beats[middle:])
        (beat,) = beats
        bare = Beat(beat.claim)
        if beat == bare:
            log.error("renewal of a claim refused", step_id=beat.claim.ticket.id, error=refusal.sentence)
            return {beat.claim.ticket.id}  # its lease will lapse
        log.warning("news of a step refused", step_id=beat.claim.ticket.id, error=refusal.sentence)
        return self._beat([bare])

    def announce(self, info: WorkerInfo) -> bool | None:
        """Announce the worker. Returns whether it should pause; None: as before."""
        paused = self._call("announce", _entry(info)).get("paused")
        return None if paused is None else bool(paused)

    def announce_machine(self, info: WorkerInfo, uptime_ms: int) -> None:
        """Have the server tell the machine's status."""
        self._call("announce", {**_entry(info), "uptime_ms": uptime_ms})

    def withdraw(self, info: WorkerInfo) -> None:
        """Leave the fleet."""
        self._call("withdraw", _entry(info))

    def _call(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = self._client.post(name, **request_of(self.server, {"machine": self.machine, **body}))
        except httpx2.HTTPError as error:
            raise away(error) from error
        return data_of(response.status_code, response.content)


def _items(beats: Sequence[Beat]) -> list[dict[str, Any]]:
    items = [
        {
            **claim_body(beat.claim),
            "progress": beat.progress,
            "message": beat.message,
            "remember": None if beat.remember is None else dict(beat.remember),
        }
        for beat in beats
    ]
    # Bodies are bounded. A claim whose preview is left out has the next one a second later.
    shown = [(item, beat.preview) for item, beat in zip(items, beats, strict=True) if beat.preview is not None]
    for item, preview in shown[:MAX_PREVIEWS]:
        content = base64.b64encode(preview.content).decode()
        item["preview"] = {"mime_type": preview.mime_type, "node": preview.node, "content": content}
    return items


def _entry(info: WorkerInfo) -> dict[str, Any]:
    facts = {name: value for name, value in info.to_json().items() if name not in OWN}
    return {"offers": offers_body(info.offers), "info": facts}
