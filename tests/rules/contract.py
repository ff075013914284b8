"""What the contract documents: its operations, and its example bodies as they are written there, ids filled in."""

from typing import Any

ID = "0192f3a4-0000-7000-8000-000000000001"

REST_API = [
    ("POST", "/api/collections/{collection_id}/generate"),
    ("POST", "/generator/v2/{collection_id}"),
    ("GET", "/api/jobs/{job_id}"),
    ("GET", "/api/jobs/{job_id}/stream"),
    ("POST", "/api/jobs/{job_id}/retry"),
    ("GET", "/api/workflows"),
    ("GET", "/api/workflows/{name}"),
    ("POST", "/api/workflows"),
    ("POST", "/api/workflows/create-simple-collection"),
    ("GET", "/api/models"),
    ("GET", "/api/custom-nodes"),
    ("POST", "/api/jobs/{job_id}/complete"),
    ("POST", "/api/jobs/{job_id}/failed"),
]
OUTPUTS_AND_DECKS = [
    ("POST", "/outputs"),
    ("PATCH", "/outputs/{output_id}/complete"),
    ("PATCH", "/outputs/{output_id}/fail"),
    ("DELETE", "/outputs/{output_id}"),
    ("GET", "/outputs/{output_id}"),
    ("PATCH", "/outputs/{output_id}/deck"),
    ("GET", "/collections/{collection_id}/outputs"),
    ("GET", "/collections/{collection_id}/outputs/stats"),
    ("POST", "/outputs/{output_id}/develop"),
    ("GET", "/outputs/develop/collections"),
    ("POST", "/decks"),
    ("GET", "/decks/{deck_id}"),
    ("PATCH", "/decks/{deck_id}"),
    ("DELETE", "/decks/{deck_id}"),
    ("POST", "/decks/{deck_id}/publish"),
    ("POST", "/decks/{deck_id}/lock"),
    ("GET", "/decks/{deck_id}/stats"),
    ("GET", "/collections/{collection_id}/decks"),
    ("GET", "/decks"),
    ("GET", "/api/jobs/{job_id}/forensics"),
]
OPERATIONS = REST_API + OUTPUTS_AND_DECKS

BODIES: dict[tuple[str, str], list[Any]] = {
    ("POST", "/api/collections/{collection_id}/generate"): [
        {"variables": {"prompt": "a quiet harbour"}},
        {"variables": {}, "workflow_id": ID, "workflow_priority": 100},
        {"variables": {}, "workflow_id": None, "workflow_priority": None},
    ],
    ("POST", "/api/workflows"): [
        {
            "name": "txt2img",
            "label": "Text to image",
            "description": "Pictures from words",
            "data": {"form": {"fields": []}},
            "output_mime_type": "image/png",
            "type": "comfy_workflow",
            "display": True,
            "order": 1,
            "models": ["sd_xl_base_1.0.safetensors"],
            "custom_nodes": ["ComfyUI-Manager"],
        }
    ],
    ("POST", "/api/workflows/create-simple-collection"): [
        {
            "collection_details": {
                "title": "Poems",
                "description": "Short poems",
                "social_org": "farcaster",
                "social_identifier": "vitalik",
                "blockchain": "tezos",
                "price": "0",
                "editions": 1,
                "cover_image_url": "https://cdn.example.com/cover.png",
                "miniapp_user_id": "7",
                "miniapp_cover_image": "https://cdn.example.com/mini.png",
                "cast_hash": "0xabc",
                "project_id": ID,
            },
            "variables": [
                {
                    "name": "theme",
                    "template_mapping": "theme",
                    "options": ["sea", "sky"],
                    "is_selectable": True,
                    "is_customizable": True,
                }
            ],
            "job_type": "openai_chat",
            "template_json": {"messages": [{"role": "user", "content": "A poem about {{theme}}"}]},
        }
    ],
    ("POST", "/api/jobs/{job_id}/complete"): [
        {"outputs": ["https://cdn.example.com/file.mp4"], "workflow_output": "https://cdn.example.com/file.mp4"},
        {"outputs": {"a": 1}, "metadata": {"from": "a webhook"}, "workflow_output": "https://cdn.example.com/file.mp4"},
    ],
    ("POST", "/api/jobs/{job_id}/failed"): [
        {"error_message": "Generation failed: timeout"},
        {"error_message": "Generation failed: timeout", "error_details": {"step": 2}},
    ],
    ("POST", "/outputs"): [
        {
            "collection_id": ID,
            "job_id": ID,
            "source": "miniapp",
            "input_metadata": {"prompt": "a quiet harbour"},
            "social_org": "farcaster",
            "social_identifier": "username",
            "deck_id": ID,
            "auto_create_deck": True,
        },
        {"collection_id": ID, "source": "miniapp", "social_org": "farcaster", "social_identifier": "vitalik"},
    ],
    ("PATCH", "/outputs/{output_id}/complete"): [
        {
            "url": "https://cdn.example.com/file.mp4",
            "mime_type": "video/mp4",
            "thumbnail_url": "https://cdn.example.com/file.jpg",
            "flat_file_id": 12345,
            "output_metadata": {"seed": 7},
        }
    ],
    ("PATCH", "/outputs/{output_id}/fail"): [{"error_message": "Generation failed: timeout"}],
    ("PATCH", "/outputs/{output_id}/deck"): [{"deck_id": ID}, {"deck_id": None}],
    ("POST", "/outputs/{output_id}/develop"): [
        {"collection_id": ID, "variables": {"aspect_ratio": "16:9", "duration": "5s"}},
        {"collection_id": ID},
    ],
    ("POST", "/decks"): [
        {
            "collection_id": ID,
            "name": "My Video Collection",
            "description": "Videos from...",
            "social_org": "farcaster",
            "social_identifier": "username",
        },
        {"collection_id": ID},
    ],
    ("PATCH", "/decks/{deck_id}"): [
        {"name": "Updated Name", "description": "New description", "cover_output_id": ID, "status": "published"}
    ],
}
