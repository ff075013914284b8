"""The rows of ``route_table.py`` about assets."""

from tests.rules.callers import OWN_AS_USER, USER, row

ASSETS = [
    row("POST", "/assets", USER.but(owner=201, other=201), body={"any": "file"}),
    row("GET", "/assets", USER),
    row("GET", "/assets/{asset_id}", OWN_AS_USER),
    row("GET", "/assets/{asset_id}/content", OWN_AS_USER),
    row("DELETE", "/assets/{asset_id}", OWN_AS_USER),
]
