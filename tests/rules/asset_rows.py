"""The rows of ``route_table.py`` about assets."""

from tests.rules.callers import OWN_AS_USER, USER, row

ASSETS = [
    row("POST", "/assets", USER.but(owner=201, other=201), body={"any": "file"}),
    row("GET", "/assets", USER),
    row("GET", "/assets/{asset_id}", OWN_AS_USER),
    row("GET", "/assets/{asset_id}/content", OWN_AS_USER),
    row("DELETE", "/assets/{asset_id}", OWN_AS_USER),
    row("POST", "/assets/presigned", USER.but(owner=400, other=400), body={"size_bytes": 9}),  # it takes a bucket
    row("POST", "/assets/presigned/{upload_id}/complete", OWN_AS_USER.but(owner=404)),  # it comes in parts
    row("POST", "/assets/uploads", USER.but(owner=400, other=400)),  # it takes headers
    row("GET", "/assets/uploads/{upload_id}", OWN_AS_USER),
    row("PATCH", "/assets/uploads/{upload_id}", OWN_AS_USER.but(owner=400, other=400)),  # it takes headers
    row("DELETE", "/assets/uploads/{upload_id}", OWN_AS_USER.but(owner=204)),
]
