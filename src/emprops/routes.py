"""The URL table: one line per feature.

Every route answers at ``/x`` and at ``/api/x``, because the contract uses both; the spelling in the table is
documented. Within a feature, the order decides (``/workflows/create-simple-collection`` before ``/{name}``).
"""

from typing import Literal

from fastapi import APIRouter, FastAPI

from emprops import health
from emprops.assets import endpoints as assets
from emprops.assets import part_endpoints as asset_parts
from emprops.auth import endpoints as auth
from emprops.auth import key_endpoints as keys
from emprops.auth.dependencies import unmarked_routes
from emprops.catalog import endpoints as catalog
from emprops.collections import endpoints as collections
from emprops.collections import project_endpoints as projects
from emprops.comfy_api import asset_endpoints as comfy_assets
from emprops.comfy_api import endpoints as comfy_jobs
from emprops.console import endpoints as console
from emprops.credits import endpoints as credit
from emprops.custody import endpoints as custody
from emprops.decks import endpoints as decks
from emprops.fleet import endpoints as fleet
from emprops.gateway import endpoints as gateway
from emprops.jobs import endpoints as jobs
from emprops.jobs import figure_endpoints as job_figures
from emprops.jobs import list_endpoints as job_lists
from emprops.jobs.mine import endpoints as my_jobs
from emprops.kit.web.routing import Index, placed
from emprops.live import endpoints as live
from emprops.media import endpoints as media
from emprops.media.mux import endpoints as mux
from emprops.observe import endpoints as observe
from emprops.openai_api import endpoints as openai_api
from emprops.openai_api import video_endpoints as openai_videos
from emprops.operators import audit_endpoints as audit
from emprops.operators import endpoints as operators
from emprops.operators import job_endpoints as operator_jobs
from emprops.operators import session_endpoints as operator_sessions
from emprops.orchestrator.endpoints import dead_letters, develop, generations, reviews
from emprops.orchestrator.endpoints import jobs as job_changes
from emprops.outputs import endpoints as outputs
from emprops.outputs import library_endpoints as library
from emprops.pages import endpoints as pages
from emprops.pages import home_endpoints as home
from emprops.policies import endpoints as policies
from emprops.quotas import endpoints as quotas
from emprops.sessions import endpoints as sessions
from emprops.sessions import link_endpoints as sign_in_links
from emprops.sessions import me_endpoints as me
from emprops.sessions import oidc_endpoints as oidc
from emprops.webhooks import endpoints as webhooks
from emprops.workflows import endpoints as workflows

Prefix = Literal["", "/api"]

TABLE: list[tuple[Prefix, APIRouter]] = [
    # tried from top to bottom, so what is asked most comes first
    ("/api", my_jobs.routes),  # /jobs/stream /jobs/stream-ticket
    ("/api", job_lists.routes),  # /jobs
    ("/api", job_figures.routes),  # /jobs/counts /jobs/series
    ("/api", jobs.routes),  # /jobs/{id} /jobs/{id}/stream /jobs/{id}/history
    ("", health.routes),  # /health /ready
    ("", home.routes),  # / /docs
    ("", console.routes),  # /console/…
    ("", observe.routes),  # /metrics
    ("/api", observe.queue_routes),  # /queue /queue/demand
    ("/api", gateway.routes),  # /worker/turn /worker/wait /worker/beat /worker/files/{key}
    ("", media.routes),  # /files/{key}
    ("", asset_parts.routes),  # /assets/presigned /assets/presigned/{id}/complete
    ("", asset_parts.tus),  # /assets/uploads /assets/uploads/{id}
    ("", assets.routes),  # /assets /assets/{id} /assets/{id}/content
    ("", mux.routes),  # /webhooks/mux
    ("/api", generations.routes),  # /collections/{id}/generate /collections/{id}/price
    ("", generations.legacy),  # /generator/v2/{id}
    ("/api", job_changes.routes),  # /jobs/{id}/retry /cancel /complete /failed /output
    ("/api", comfy_jobs.routes),  # /v2/jobs /v2/jobs/{id} /v2/jobs/{id}/workflow /events /cancel
    ("/api", comfy_assets.routes),  # /v2/assets/{id} /v2/assets/{id}/content
    ("", openai_api.routes),  # /v1/images/generations /v1/images/edits /v1/models
    ("", openai_videos.routes),  # /v1/videos /v1/videos/{id} /v1/videos/{id}/content
    ("/api", projects.routes),  # /projects /projects/{id}
    ("/api", collections.routes),  # /collections /collections/{id}/publish /workflows/create-simple-collection
    ("/api", workflows.routes),  # /workflows /workflows/{name}
    ("/api", catalog.routes),  # /models /models/batch /custom-nodes /custom-nodes/batch
    ("", develop.routes),  # /outputs/{id}/develop
    ("", collections.global_routes),  # /outputs/develop/collections
    ("", library.routes),  # /outputs /outputs/tags /outputs/bulk /outputs/{id}/star
    ("", outputs.routes),  # /outputs/{id} /outputs/{id}/lineage /collections/{id}/outputs
    ("", me.routes),  # /me
    ("", sessions.routes),  # /session /sessions /sessions/{id}
    ("", oidc.routes),  # /session/oidc /session/oidc/callback
    ("", sign_in_links.routes),  # /session/links
    ("", auth.routes),  # /users/roles /users/{id}/roles
    ("", quotas.own_routes),  # /me/limits
    ("", quotas.routes),  # /quotas /quotas/{kind}/{id}
    ("", keys.routes),  # /keys /keys/{prefix}
    ("", operator_jobs.routes),  # /operator/jobs /operator/jobs/counts /operator/jobs/series
    ("", operators.routes),  # /operator/jobs/{id} /operator/outputs/{id} /operator/users/{id}
    ("", operator_sessions.routes),  # /operator/users/{id}/sessions /operator/sessions/{id}
    ("", audit.routes),  # /audit
    ("", credit.routes),  # /credits /credits/ledger /credits/grant
    ("", decks.routes),  # /decks /decks/{id} /decks/{id}/publish /decks/{id}/lock /decks/{id}/order
    ("", pages.routes),  # /watch/{id} /d/{id}
    ("", decks.collection_routes),  # /collections/{id}/decks
    ("", live.routes),  # /ws/monitor/{id} /ws/client/{id} /ws/ticket
    ("/api", webhooks.routes),  # /webhooks /webhooks/{id} /webhooks/{id}/deliveries
    ("/api", fleet.routes),  # /workers /workers/pause /workers/{id}/pause /machines/{id}/pause
    ("/api", policies.routes),  # /policies /policies/{job_type}
    ("", reviews.routes),  # /moderation/reviews /moderation/collections/{id}
    ("/api", dead_letters.routes),  # /dead-letters /dead-letters/{id} /dead-letters/{id}/offer
    ("/api", custody.routes),  # /social-links /social-links/transfer /social-links/{id}
]

ABOUT = """
Every route answers at its documented path, and also with or without `/api` in front. A success is
`{"data": …, "error": null}`; a failure has a sentence in `error`, a stable word in `code`, and the `request_id` under
which it is logged. Times are ISO 8601 in UTC; ids are UUIDs.

Lists take `limit` (1–200, 50 unless given) and `offset`. Requests that create something take an
`Idempotency-Key`: repeated with it, they get the first answer. Somebody else's object looks like one
that does not exist.

Generators make typed clients of this document: the page "Use a generated client" of the documentation shows two.
"""

TAGS: dict[str, str] = {
    "generation": "Start a generation from a collection, or ask what it would cost.",
    "jobs": "Follow a generation: its state, its history, its live stream.",
    "outputs": "Everything that was generated, from pending to completed or failed.",
    "decks": "Albums of outputs.",
    "assets": "Files that users bring, to generate from. Each is its owner's alone.",
    "collections": "What users generate from: a recipe of steps and variables, and how it is published.",
    "projects": "Folders for a user's collections.",
    "workflows": "The definitions of steps that collections are made of, with the models and custom nodes they need.",
    "models": "The AI models that workflows need.",
    "custom nodes": "The ComfyUI extensions that workflows need.",
    "sessions": "Sign in to use the api from pages of its own, by a cookie.",
    "users": "Who is calling, and what users may do.",
    "quotas": "What users, API keys and collections may have at once, and start in a time.",
    "keys": "API keys of services, workers and readers.",
    "operators": "What users have, for those who run the installation; and who did what to whom.",
    "credits": "What generations cost, and who has how much.",
    "custody": "What is held for members of social networks until they sign up.",
    "webhooks": "Send signed events to URLs, and see what was delivered.",
    "live": "WebSockets: jobs, workers and machines as they change.",
    "files": "Stored results, which never change: public, or behind signed URLs (`EMPROPS_RESULT_LINKS`).",
    "operations": "For operators: metrics, the whole queue, the demand for workers.",
    "fleet": "The live workers, and which of them are paused.",
    "policies": "What is allowed of job types: who builds on them, at what price at least, how much at once.",
    "moderation": "Decide about what a check held, and say which collections are checked.",
    "dead letters": "Steps that used up their limit of failures or lost claims.",
    "health": "For load balancers.",
    "workers": "How workers on other machines get and report work; for keys with the scope `worker`.",
}
"""What the OpenAPI document is divided into, in the order of reading."""


def mount(app: FastAPI) -> None:
    """Add every route under both prefixes. Raises ``RuntimeError`` if one does not say who may call it."""
    of_table = [(prefix, route) for prefix, routes in TABLE for route in routes.routes]
    mounted = [(placed(route, prefix, documented=True), route) for prefix, route in of_table]
    mounted += [(placed(route, "" if prefix else "/api", documented=False), route) for prefix, route in of_table]
    app.router.routes += [Index(mounted), *(under for under, _ in mounted)]
    unmarked = unmarked_routes(app.routes)
    if unmarked:
        raise RuntimeError(f"routes without a caller: {', '.join(unmarked)}; see auth/dependencies.py")
