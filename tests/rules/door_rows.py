"""Who may call the APIs of others; see ``route_table.py``."""

from tests.rules.callers import OWN_AS_USER, USER, author_row, row

GRAPH = {"9": {"class_type": "SaveImage", "inputs": {}}}
NO_FILE = f"blake3:{'0' * 64}"
COMFY_API = [
    author_row("POST", "/v2/jobs", USER.but(owner=201, other=201), body={"workflow": GRAPH}),
    row("GET", "/v2/jobs", USER),
    row("GET", "/v2/jobs/{job_id}", OWN_AS_USER, job_id="graph_job_id"),
    row("GET", "/v2/jobs/{job_id}/workflow", OWN_AS_USER, job_id="graph_job_id"),
    row("GET", "/v2/jobs/{job_id}/events", OWN_AS_USER, job_id="graph_job_id"),
    row("POST", "/v2/jobs/{job_id}/cancel", OWN_AS_USER, job_id="graph_job_id"),
    row("POST", "/v2/assets", USER.but(owner=400, other=400), body={"any": "file"}),
    row("POST", "/v2/assets/from-hash", USER.but(owner=404, other=404), body={"hash": NO_FILE}),
    row("GET", "/v2/assets/by-hash/{content}", USER.but(owner=404, other=404), content="no_content"),
    row("GET", "/v2/assets/{asset_id}", OWN_AS_USER),
    row("DELETE", "/v2/assets/{asset_id}", OWN_AS_USER.but(owner=204)),
    row("GET", "/v2/assets/{asset_id}/content", OWN_AS_USER),
]
PICTURE = {"model": "{collection_id}", "prompt": "a quiet harbour"}
OPENAI_API = [
    row("POST", "/v1/images/generations", OWN_AS_USER, body={**PICTURE, "stream": True}),
    row("POST", "/v1/images/edits", OWN_AS_USER.but(owner=400), body={**PICTURE, "image": "https://a.example/a.png"}),
    row("POST", "/v1/videos", OWN_AS_USER.but(owner=400), body=PICTURE),
    row("GET", "/v1/videos", USER),
    row("GET", "/v1/videos/{video_id}", OWN_AS_USER, video_id="openai_job_id"),
    row("GET", "/v1/videos/{video_id}/content", OWN_AS_USER.but(owner=404), video_id="openai_job_id"),
    row("DELETE", "/v1/videos/{video_id}", OWN_AS_USER, video_id="openai_job_id"),
    row("GET", "/v1/models", USER),
    row("GET", "/v1/models/{model}", OWN_AS_USER, model="collection_id"),
]
DOORS = [*COMFY_API, *OPENAI_API]
