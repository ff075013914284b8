"""The request for a simple collection."""

from typing import Any

PATH = "/api/workflows/create-simple-collection"
DETAILS = {
    "title": "Portraits",
    "description": "A portrait of anything",
    "social_org": "farcaster",
    "social_identifier": "vitalik",
}
BODY: dict[str, Any] = {
    "collection_details": DETAILS,
    "variables": [{"name": "subject", "template_mapping": "subject"}],
    "job_type": "openai_chat",
    "template_json": {"messages": [{"role": "user", "content": "Draw {{subject}}."}]},
}
HOSTILE = [
    '"}], "model": "stolen", "x": [{"y": "',
    "{{other}}",
    "{{subject}}",
    "{{{{subject}}}}",
    "}} {{",
    "\\",
    '\\"',
    "\\u0022\\n",
    "'; DROP TABLE job; --",
    '{"$ref": 1}',
    '[{"type":"paragraph","children":[{"type":"ref","step":1}]}]',
    "$text",
    "line\nline\r\n\ttab",
    "{% x %}${y}<z>",
    "\u202e𝔘🦊",
    "x" * 60_000,
]
