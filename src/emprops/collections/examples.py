"""Collections as the OpenAPI document shows them."""

from typing import Any

DATA: dict[str, Any] = {
    "version": "v2",
    "steps": [{"id": 1, "nodeName": "local_image", "nodePayload": {"prompt": "{{prompt}}"}}],
    "variables": [{"name": "prompt", "type": "text", "value_type": "strings", "test_value": "a quiet harbour"}],
    "generations": {"generations": 1, "hashes": [], "use_custom_hashes": False},
}
PUBLIC: dict[str, Any] = {
    "id": "0192f3a4-0000-7000-8000-000000000002",
    "title": "Quiet Harbours",
    "description": "",
    "blockchain": None,
    "price": 0.5,
    "editions": 1,
    "status": "published",
    "cover_image_url": None,
    "miniapp_cover_image": None,
    "cast_hash": None,
    "is_custodial": False,
    "custodied_for": None,
    "is_public": True,
    "is_global": False,
    "input_type": None,
    "output_type": None,
    "version": 1,
    "slug": None,
    "created_at": "2026-01-10T12:00:00Z",
    "published_at": "2026-01-10T12:05:00Z",
}
ITEM: dict[str, Any] = {
    **PUBLIC,
    "project_id": "0192f3a4-0000-7000-8000-000000000004",
    "archived": False,
    "updated_at": "2026-01-10T12:05:00Z",
}
