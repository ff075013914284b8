"""Who may call what: one row per route. A route without a row fails ``test_route_matrix.py``.

A WebSocket has the method ``WEBSOCKET``; its status is 101, or that of its refusal.

To add a route, add a row: ``row("POST", "/jobs/{job_id}/cancel", OWN)``. Write the path without ``/api`` and with its
parameters named as in the code. A parameter is filled with the object of the same name in ``world.py``, which belongs
to the owner; ``job_id="failed_job_id"`` fills it with another one, and the same placeholders work in ``body`` and
``query``. If your object is not there yet, add it to ``world.py`` with a function of ``tests/factories``.

Each row is called in production mode by these callers:

* nobody   no credentials; also a forged token, and the owner's id in every spelling of the ``user_id`` header
* owner    a token of the user to whom the objects of the world belong, an author
* other    a token of an author to whom nothing belongs; and of such a user without a role, a viewer, an operator: they
           get the same unless the row names a role, as ``viewer_row("GET", "/workers")`` does
* service  an API key with the scope ``service`` that names no user; naming the owner, it must get what the owner gets
* worker   an API key with the scope ``worker``: refused wherever nobody is, but for its own routes

Those who are refused share a world, and so do all who only read. What a refused caller tries must change no row in
the database, a foreign object must look exactly like an unknown one, and what another user gets must mention nothing
that is the owner's.
"""

from tests.rules.asset_rows import ASSETS
from tests.rules.callers import (
    KNOWN,
    OPERATOR,
    OWN,
    OWN_AS_USER,
    PUBLIC,
    SERVICE,
    USER,
    WORKER,
    Who,
    author_row,
    operator_row,
    row,
    viewer_row,
)
from tests.rules.door_rows import DOORS
from tests.rules.output_rows import OUTPUTS

from emprops.workflows.schemas import EDITOR_GRAPH

VARIABLES = {"variables": {"prompt": "a quiet harbour"}}
RECIPE = {"title": "Harbours", "data": {"steps": [{"id": 1, "nodeName": "local_image", "nodePayload": {}}]}}
SIMPLE = {
    "collection_details": {
        "title": "Animals",
        "description": "",
        "social_org": "farcaster",
        "social_identifier": "vitalik",
    },
    "variables": [],
    "job_type": "openai_chat",
    "template_json": {},
}
DIRECT_JOB = {
    "form": {"fields": [{"id": "prompt", "type": "prompt_editor"}]},
    "inputs": [{"id": "prompt", "pathJq": ".payload.prompt"}],
    "job": {"service_required": "local_image", "payload": {}},
}
NEW_WORKFLOW = {
    "name": "portrait-{unknown}",
    "label": "Portrait",
    "description": "",
    "data": DIRECT_JOB,
    "output_mime_type": "image/png",
    "type": "direct_job",
}
NAME = {"worker": "gpu-1"}
ENTRY = {**NAME, "machine": "gpu", "offers": {}, "info": {"status": "idle", "concurrency": 1}}
OBJECT_INFO = {
    "LoadImage": {"input": {"required": {"image": [["fox.png"], {"image_upload": True}]}}},
    "SaveImage": {"input": {"required": {"images": ["IMAGE"], "filename_prefix": ["STRING"]}}, "output_node": True},
}
TABLE = [
    # --- the process
    row("GET", "/", PUBLIC),
    row("GET", "/docs", PUBLIC.but(nobody=404, owner=404, other=404, service=404)),  # not in production
    row("GET", "/health", PUBLIC),
    row("GET", "/ready", PUBLIC),
    viewer_row("GET", "/metrics"),
    viewer_row("GET", "/queue"),
    viewer_row("GET", "/queue/demand", query="job_type=noop&model=a"),
    # --- files
    row("GET", "/files/{key:path}", PUBLIC),
    *DOORS,
    *ASSETS,
    *OUTPUTS,
    # --- workers on other machines
    row("POST", "/worker/hello", WORKER, body={**NAME, "protocol": 1}),
    row("POST", "/worker/turn", WORKER, body={**NAME, "request": "ab" * 16, "want": 0, "offers": {}}),
    row("POST", "/worker/wait", WORKER, body={**NAME, "timeout": 0}),
    row("POST", "/worker/beat", WORKER, body={**NAME, "machine": "gpu", "beats": []}),
    row("POST", "/worker/release", WORKER, body={**NAME, "claims": []}),
    row("POST", "/worker/announce", WORKER, body=ENTRY),
    row("POST", "/worker/withdraw", WORKER, body=ENTRY),
    row("PUT", "/worker/files/{key:path}", WORKER),
    row("GET", "/worker/files/{key:path}", WORKER, query="step=none"),
    # --- generation
    row("POST", "/collections/{collection_id}/generate", OWN_AS_USER, body=VARIABLES),
    row("POST", "/collections/{collection_id}/generations", OWN_AS_USER, body=VARIABLES),
    row("POST", "/generator/v2/{collection_id}", OWN_AS_USER, body=VARIABLES),
    row("POST", "/collections/{collection_id}/price", OWN_AS_USER, body=VARIABLES),
    # --- projects and collections
    author_row("POST", "/projects", USER.but(owner=201, other=201), body={"name": "Harbours"}),
    row("GET", "/projects", USER),
    row("GET", "/projects/{project_id}", OWN),
    author_row("PATCH", "/projects/{project_id}", OWN, body={"name": "Harbours"}),
    author_row("POST", "/projects/{project_id}/collections", OWN_AS_USER.but(owner=201), body=RECIPE),
    author_row("POST", "/collections", USER.but(owner=201, other=201), body=RECIPE),
    author_row("POST", "/workflows/create-simple-collection", USER.but(owner=201, other=201), body=SIMPLE),
    row("GET", "/collections", USER),
    row("GET", "/collections/public", PUBLIC),
    row("GET", "/collections/{collection_id}", OWN),
    author_row("PATCH", "/collections/{collection_id}", OWN, body={"title": "Harbours"}),
    author_row("PUT", "/collections/{collection_id}", OWN, body={"title": "Harbours"}),
    row("DELETE", "/collections/{collection_id}", OWN),
    row("GET", "/collections/{collection_id}/public", PUBLIC, collection_id="public_collection_id"),
    row("GET", "/collections/{collection_id}/form", OWN.but(nobody=404)),
    author_row("POST", "/collections/{collection_id}/publish", OWN),
    row("POST", "/collections/{collection_id}/archive", OWN),
    author_row("POST", "/collections/{collection_id}/unarchive", OWN),
    author_row(
        "POST",
        "/collections/{collection_id}/global",
        Who(nobody=401, owner=403, other=403, service=200),
        body={"input_type": "image", "output_type": "video"},
    ),
    row("GET", "/collections/{collection_id}/versions", OWN),
    row("GET", "/collections/{collection_id}/versions/{version}", OWN, collection_id="published_collection_id"),
    # --- pages: to what is no browser, a page that is not there looks like any other unknown object
    row("GET", "/watch/{output_id}", OWN.but(nobody=404)),
    row("GET", "/d/{deck_id}", OWN.but(nobody=404)),
    row("GET", "/watch/static/{name}", PUBLIC, name="static_file"),
    row("GET", "/console", PUBLIC.but(nobody=308, owner=308, other=308, service=308)),
    row("GET", "/console/{key:path}", PUBLIC),
    # --- Mux: without its signing secret there is no such address (tests/media/test_mux_webhook.py has one)
    row("POST", "/webhooks/mux", Who(nobody=404, owner=404, other=404, service=404), body={}),
    # --- jobs
    row("GET", "/jobs", USER.but(service=200)),
    row("GET", "/jobs/counts", USER),
    row("GET", "/jobs/series", USER, query="by=day"),
    row("GET", "/jobs/{job_id}", OWN),
    row("GET", "/jobs/{job_id}/history", OWN),
    row("GET", "/jobs/{job_id}/preview", OWN.but(owner=404, service=404)),  # nothing to see
    row("GET", "/jobs/{job_id}/forensics", OWN),
    row("GET", "/jobs/{job_id}/stream", OWN, job_id="done_job_id"),  # a stream of a job that has ended, ends
    row("GET", "/jobs/stream", USER),  # it lives for half a second
    row("POST", "/jobs/stream-ticket", USER.but(owner=201, other=201)),
    row("POST", "/jobs/{job_id}/stream-ticket", OWN.but(owner=201, service=201)),
    row("GET", "/jobs/{job_id}/events", OWN, job_id="done_job_id"),
    row("POST", "/jobs/{job_id}/retry", OWN, job_id="failed_job_id"),
    row("POST", "/jobs/{job_id}/cancel", OWN),
    row("GET", "/jobs/{job_id}/output", OWN, job_id="done_job_id"),
    row("POST", "/jobs/{job_id}/complete", SERVICE, body={"outputs": [], "workflow_output": "https://x.test/a.png"}),
    row("POST", "/jobs/{job_id}/failed", SERVICE, body={"error_message": "it broke"}),
    # --- live connections
    row("POST", "/ws/ticket", KNOWN.but(owner=201, other=201, service=201)),
    row("WEBSOCKET", "/ws/client/{client_id}", KNOWN.but(owner=101, other=101, service=101)),
    viewer_row("WEBSOCKET", "/ws/monitor/{client_id}", who=OPERATOR.but(service=101)),
    # --- custody
    row(
        "POST",
        "/social-links/transfer",
        SERVICE,
        body={"social_org": "farcaster", "social_identifier": "harbour-{owner}", "user_id": "{owner}"},
    ),
    row("GET", "/social-links", SERVICE),
    row("GET", "/social-links/{link_id}", OWN),
    row("GET", "/social-links/{social_org}/{social_identifier:path}", OWN),
    # --- webhooks
    row("POST", "/webhooks", KNOWN.but(owner=201, other=201, service=201), body={"url": "https://93.184.215.14/hook"}),
    row("GET", "/webhooks", KNOWN),
    row("GET", "/webhooks/{webhook_id}", OWN),
    row("PATCH", "/webhooks/{webhook_id}", OWN, body={"description": "The web app"}),
    row("PUT", "/webhooks/{webhook_id}", OWN, body={"enabled": True}),
    row("DELETE", "/webhooks/{webhook_id}", OWN),
    row("POST", "/webhooks/{webhook_id}/rotate-secret", OWN, body={}),
    row("POST", "/webhooks/{webhook_id}/test", OWN.but(owner=202, service=202)),
    row("GET", "/webhooks/{webhook_id}/stats", OWN),
    row("GET", "/webhooks/{webhook_id}/deliveries", OWN),
    row("GET", "/webhooks/{webhook_id}/deliveries/{event_id}", OWN),
    row("POST", "/webhooks/{webhook_id}/deliveries/{event_id}/replay", OWN.but(owner=202, service=202)),
    row(
        "POST",
        "/webhooks/{webhook_id}/replay",
        OWN.but(owner=202, service=202),
        body={"since": "2026-01-10T12:00:00Z"},
    ),
    # --- decks
    row("GET", "/decks", USER),
    row("POST", "/decks", OWN_AS_USER.but(owner=201), body={"collection_id": "{collection_id}"}),
    row("GET", "/decks/{deck_id}", OWN),
    row("GET", "/decks/{deck_id}/stats", OWN),
    row("PATCH", "/decks/{deck_id}", OWN, body={"name": "Updated Name"}),
    row("DELETE", "/decks/{deck_id}", OWN),
    row("POST", "/decks/{deck_id}/publish", OWN),
    row("POST", "/decks/{deck_id}/lock", OWN),
    row("PATCH", "/decks/{deck_id}/order", OWN, body={"output_ids": ["{output_id}"]}),
    row("GET", "/collections/{collection_id}/decks", OWN),
    # --- users
    row("GET", "/me", KNOWN),
    row("POST", "/session", KNOWN.but(owner=201, other=201, service=201)),
    row("GET", "/session", PUBLIC),
    row("DELETE", "/session", PUBLIC),
    row("GET", "/session/oidc", PUBLIC.but(nobody=404, owner=404, other=404, service=404)),  # it takes a provider
    row("GET", "/session/oidc/callback", PUBLIC.but(nobody=404, owner=404, other=404, service=404)),
    row("GET", "/sessions", USER),
    operator_row("POST", "/session/links", who=OPERATOR.but(service=201), body={"user_id": "{owner}"}),
    viewer_row("GET", "/operator/users/{user_id}/sessions", user_id="owner"),
    operator_row("DELETE", "/operator/sessions/{session_id}"),
    row("DELETE", "/sessions/{session_id}", OWN_AS_USER),
    row("GET", "/me/limits", USER),
    viewer_row("GET", "/quotas"),
    viewer_row("GET", "/quotas/{kind}/{subject_id}", subject_id="owner"),
    operator_row("PUT", "/quotas/{kind}/{subject_id}", body={"open_jobs": 3}, subject_id="owner"),
    operator_row("DELETE", "/quotas/{kind}/{subject_id}", subject_id="owner"),
    viewer_row("GET", "/users/roles"),
    viewer_row("GET", "/users/{user_id}/roles", user_id="owner"),
    operator_row("PUT", "/users/{user_id}/roles/{role}", user_id="owner"),
    operator_row("DELETE", "/users/{user_id}/roles/{role}", user_id="owner"),
    # --- keys
    viewer_row("GET", "/keys"),
    operator_row("POST", "/keys", who=OPERATOR.but(service=201), body={"name": "web app", "scopes": ["service"]}),
    operator_row("DELETE", "/keys/{prefix}", prefix="key_prefix"),
    # --- operators
    viewer_row("GET", "/audit"),
    viewer_row("GET", "/moderation/reviews"),
    viewer_row("GET", "/moderation/reviews/{review_id}"),
    operator_row("POST", "/moderation/reviews/{review_id}/release", body={}),
    operator_row("POST", "/moderation/reviews/{review_id}/block", body={"note": "Not here."}),
    operator_row("PUT", "/moderation/collections/{collection_id}", body={"stages": ["start"]}),
    viewer_row("GET", "/operator/jobs", query="user_id={owner}"),
    viewer_row("GET", "/operator/jobs/counts", query="user_id={owner}"),
    viewer_row("GET", "/operator/jobs/series", query="user_id={owner}"),
    viewer_row("GET", "/operator/jobs/{job_id}"),
    operator_row("POST", "/operator/jobs/{job_id}/cancel"),
    operator_row("POST", "/operator/jobs/{job_id}/retry", job_id="failed_job_id"),
    viewer_row("GET", "/operator/outputs/{output_id}"),
    operator_row("POST", "/operator/outputs/{output_id}/hide"),
    viewer_row("GET", "/operator/users/{user_id}", user_id="owner"),
    # --- credits
    row("GET", "/credits", USER),
    row("GET", "/credits/ledger", USER),
    row("GET", "/credits/statements/{month}", USER),
    row("PUT", "/credits/limits/{period}", USER, body={"amount": 5}),
    operator_row("PUT", "/credits/limits", body={"user_id": "{owner}", "period": "day", "amount": 5}),
    operator_row(
        "POST",
        "/credits/grant",
        who=OPERATOR.but(service=201),
        body={"user_id": "{owner}", "amount": 5, "reason": "gift"},
    ),
    # --- workers and dead letters
    viewer_row("GET", "/workers"),
    operator_row("POST", "/workers/pause"),
    operator_row("POST", "/workers/resume"),
    operator_row("POST", "/workers/{worker_id}/pause", worker_id="live_worker"),
    operator_row("POST", "/workers/{worker_id}/resume", worker_id="paused_worker"),
    operator_row("POST", "/machines/{machine_id}/pause"),
    operator_row("POST", "/machines/{machine_id}/resume", machine_id="paused_machine"),
    viewer_row("GET", "/dead-letters"),
    viewer_row("GET", "/dead-letters/{step_id}", step_id="dead_step_id"),
    operator_row("POST", "/dead-letters/{step_id}/offer", step_id="dead_step_id"),
    # --- policies
    viewer_row("GET", "/policies"),
    operator_row("PUT", "/policies/{job_type}", body={"floor": 0.25}, job_type="limited_job_type"),
    operator_row("DELETE", "/policies/{job_type}", job_type="limited_job_type"),
    # --- workflows
    row("GET", "/workflows", PUBLIC),
    row("GET", "/workflows/{name}", PUBLIC),
    author_row("POST", "/workflows", KNOWN.but(owner=201, other=201, service=201), body=NEW_WORKFLOW),
    author_row("POST", "/workflows/convert", KNOWN, body={"workflow": EDITOR_GRAPH, "object_info": OBJECT_INFO}),
    author_row("PATCH", "/workflows/{name}", OWN, body={"label": "New"}, name="own_workflow"),
    author_row("PUT", "/workflows/{name}", OWN, body={"label": "New"}, name="own_workflow"),
    row("DELETE", "/workflows/{name}", OWN, name="own_workflow"),
    # --- models and custom nodes
    row("GET", "/models", PUBLIC),
    row("GET", "/models/{name:path}", PUBLIC, name="model"),
    operator_row("POST", "/models", who=OPERATOR.but(service=201), body={"name": "{unknown}.pt"}),
    operator_row("PATCH", "/models/{name:path}", body={"status": "retired"}, name="model"),
    operator_row("DELETE", "/models/{name:path}", name="spare_model"),
    row("POST", "/models/batch", PUBLIC, body={"names": ["vae.pt"]}),
    row("GET", "/custom-nodes", PUBLIC),
    row("GET", "/custom-nodes/defaults", PUBLIC),
    row("GET", "/custom-nodes/{name:path}", PUBLIC, name="custom_node"),
    operator_row("POST", "/custom-nodes", who=OPERATOR.but(service=201), body={"name": "nodes-{unknown}"}),
    operator_row("PATCH", "/custom-nodes/{name:path}", body={"commit": "0a1b2c3"}, name="custom_node"),
    operator_row("DELETE", "/custom-nodes/{name:path}", name="spare_custom_node"),
    row("POST", "/custom-nodes/batch", PUBLIC, body={"names": ["nodes"]}),
]
