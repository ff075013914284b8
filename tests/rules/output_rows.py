"""The rows of ``route_table.py`` about outputs."""

from tests.rules.callers import KNOWN, OWN, OWN_AS_USER, USER, row

OUTPUTS = [
    row("GET", "/outputs", USER),
    row("POST", "/outputs", OWN_AS_USER.but(owner=201), body={"collection_id": "{collection_id}"}),
    row("GET", "/outputs/{output_id}", OWN),
    row("PATCH", "/outputs/{output_id}/complete", OWN, body={"url": "https://cdn.example.com/file.mp4"}),
    row(
        "PATCH",
        "/outputs/{output_id}/fail",
        OWN,
        body={"error_message": "Generation failed: timeout"},
        output_id="pending_output_id",
    ),
    row("DELETE", "/outputs/{output_id}", OWN),
    row("POST", "/outputs/{output_id}/unhide", OWN),
    row("PUT", "/outputs/{output_id}/star", OWN_AS_USER),
    row("DELETE", "/outputs/{output_id}/star", OWN_AS_USER),
    row("PUT", "/outputs/{output_id}/tags", OWN_AS_USER, body={"tags": ["harbours"]}),
    row("GET", "/outputs/tags", USER),
    row("POST", "/outputs/bulk", USER, body={"ids": ["0192f3a4-0000-7000-8000-000000000031"], "action": "star"}),
    row("PATCH", "/outputs/{output_id}/deck", OWN, body={"deck_id": None}),
    row("GET", "/collections/{collection_id}/outputs", OWN),
    row("GET", "/collections/{collection_id}/outputs/stats", OWN),
    row("GET", "/outputs/develop/collections", KNOWN),
    row(
        "POST",
        "/outputs/{output_id}/develop",
        OWN.but(owner=202, service=202),
        body={"collection_id": "{global_collection_id}"},
    ),
    row("GET", "/outputs/{output_id}/lineage", OWN),
]
