"""A ComfyUI graph in API form, as its export gives it."""

from datetime import UTC, datetime
from typing import Any

from emprops.workflows.kinds.base import Occasion

OCCASION = Occasion(draw=lambda _purpose, _count: 0, at=datetime(2026, 1, 1, tzinfo=UTC))

CHECKPOINT = "SDXL\\sd_xl_base_1.0.safetensors"
UPSCALER = "4x_foolhardy.pth"

TEXT_TO_IMAGE: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 156680208700286,
            "steps": 20,
            "cfg": 8.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1,
            "model": ["10", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
        "_meta": {"title": "KSampler"},
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": CHECKPOINT}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 1024, "height": 768, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a quiet harbour", "clip": ["10", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["10", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["11", 0]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["13", 0]}},
    "10": {
        "class_type": "LoraLoader",
        "inputs": {
            "lora_name": "detail.safetensors",
            "strength_model": 0.8,
            "strength_clip": 1,
            "model": ["4", 0],
            "clip": ["4", 1],
        },
    },
    "11": {"class_type": "VAELoader", "inputs": {"vae_name": "taesdxl"}},
    "12": {"class_type": "UpscaleModelLoader", "inputs": {"model_name": UPSCALER}},
    "13": {"class_type": "ImageUpscaleWithModel", "inputs": {"upscale_model": ["12", 0], "image": ["8", 0]}},
}
