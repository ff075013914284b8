"""The URL table: one line per feature.

Every route answers at ``/x`` and at ``/api/x``, because the spec uses both; the spelling in the table is the documented
one. Within a feature, the order of its own routes decides (``/workflows/create-simple-collection`` before ``/{name}``).
"""

from typing import Literal

from fastapi import APIRouter, FastAPI

from emprops import health
from emprops.auth.dependencies import unmarked_routes
from emprops.credits import endpoints as credit
from emprops.decks import endpoints as decks
from emprops.generations import endpoints as generations
from emprops.jobs import endpoints as jobs
from emprops.media import endpoints as media
from emprops.outputs import endpoints as outputs

Prefix = Literal["", "/api"]

TABLE: list[tuple[Prefix, APIRouter]] = [
    ("", health.routes),  # /health /ready
    ("", media.routes),  # /files/{key}
    ("/api", generations.routes),  # /collections/{id}/generate /generator/v2/{id} /collections/{id}/price
    ("/api", jobs.routes),  # /jobs /jobs/{id} /jobs/{id}/stream /jobs/{id}/history
    ("", outputs.routes),  # /outputs/{id} /collections/{id}/outputs
    ("", credit.routes),  # /credits /credits/ledger /credits/grant
    ("", decks.routes),  # /decks/{id}
]


def mount(app: FastAPI) -> None:
    """Add every route under both prefixes. Raises ``RuntimeError`` if one does not say who may call it."""
    for documented, routes in TABLE:
        app.include_router(routes, prefix=documented)
    for documented, routes in TABLE:
        app.include_router(routes, prefix="" if documented else "/api", include_in_schema=False)
    unmarked = unmarked_routes(app.routes)
    if unmarked:
        raise RuntimeError(f"routes without a caller: {', '.join(unmarked)}; see auth/dependencies.py")
