"""Workflows as ComfyUI's editor saves them, and the node classes of a machine, as ``/object_info`` describes them."""

import itertools
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

SEED = ["INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}]
MODELS = [["sd15.safetensors", "sdxl.safetensors"]]
SAMPLERS = [["euler", "dpmpp_2m"]]


def info(required: Json, optional: Json | None = None, *, output: bool = False) -> Json:
    return {"input": {"required": required, "optional": optional or {}}, "output_node": output}


OBJECT_INFO: Json = {
    "CheckpointLoaderSimple": info({"ckpt_name": MODELS}),
    "LoraLoader": info(
        {
            "model": ["MODEL"],
            "clip": ["CLIP"],
            "lora_name": [["fox.safetensors"]],
            "strength_model": ["FLOAT", {"default": 1.0}],
            "strength_clip": ["FLOAT", {"default": 1.0}],
        }
    ),
    "CLIPTextEncode": info({"text": ["STRING", {"multiline": True}], "clip": ["CLIP"]}),
    "EmptyLatentImage": info(
        {"width": ["INT", {"default": 512}], "height": ["INT", {"default": 512}], "batch_size": ["INT", {"default": 1}]}
    ),
    "KSampler": info(
        {
            "model": ["MODEL"],
            "seed": SEED,
            "steps": ["INT", {"default": 20}],
            "cfg": ["FLOAT", {"default": 8.0}],
            "sampler_name": SAMPLERS,
            "scheduler": [["normal", "karras"]],
            "positive": ["CONDITIONING"],
            "negative": ["CONDITIONING"],
            "latent_image": ["LATENT"],
            "denoise": ["FLOAT", {"default": 1.0}],
        }
    ),
    "VAEDecode": info({"samples": ["LATENT"], "vae": ["VAE"]}),
    "VAEEncode": info({"pixels": ["IMAGE"], "vae": ["VAE"]}),
    "SaveImage": info({"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "ComfyUI"}]}, output=True),
    "LoadImage": info({"image": [["example.png"], {"image_upload": True}]}),
    "LoadImageMask": info({"image": [["example.png"], {"image_upload": True}], "channel": [["alpha", "red"]]}),
    "ImageScaleBy": info({"image": ["IMAGE"], "upscale_method": [["lanczos"]], "scale_by": ["FLOAT", {"default": 1}]}),
    "VHS_VideoCombine": info(
        {"images": ["IMAGE"], "frame_rate": ["FLOAT", {"default": 8}], "format": [["image/gif"]]}, output=True
    ),
    "ResizeV3": info(
        {
            "image": ["IMAGE"],
            "mode": [
                "COMFY_DYNAMICCOMBO_V3",
                {
                    "options": [
                        {"key": "by", "inputs": {"required": {"factor": ["FLOAT", {"default": 2.0}]}}},
                        {"key": "to", "inputs": {"required": {"width": ["INT", {}], "height": ["INT", {}]}}},
                    ]
                },
            ],
        }
    ),
    "BatchImages": info({"image0": ["IMAGE"]}),
    "Multi": info({"tags": ["COMBO", {"multiselect": True, "options": ["a", "b"]}]}, output=True),
}

SLOTS: dict[str, tuple[Sequence[tuple[str, str]], Sequence[str]]] = {
    "CheckpointLoaderSimple": ((), ("MODEL", "CLIP", "VAE")),
    "LoraLoader": ((("model", "MODEL"), ("clip", "CLIP")), ("MODEL", "CLIP")),
    "CLIPTextEncode": ((("clip", "CLIP"),), ("CONDITIONING",)),
    "EmptyLatentImage": ((), ("LATENT",)),
    "KSampler": (
        (("model", "MODEL"), ("positive", "CONDITIONING"), ("negative", "CONDITIONING"), ("latent_image", "LATENT")),
        ("LATENT",),
    ),
    "VAEDecode": ((("samples", "LATENT"), ("vae", "VAE")), ("IMAGE",)),
    "VAEEncode": ((("pixels", "IMAGE"), ("vae", "VAE")), ("LATENT",)),
    "SaveImage": ((("images", "IMAGE"),), ()),
    "LoadImage": ((), ("IMAGE", "MASK")),
    "LoadImageMask": ((), ("MASK",)),
    "ImageScaleBy": ((("image", "IMAGE"),), ("IMAGE",)),
    "VHS_VideoCombine": ((("images", "IMAGE"),), ("VHS_FILENAMES",)),
    "ResizeV3": ((("image", "IMAGE"),), ("IMAGE",)),
    "BatchImages": ((("image0", "IMAGE"),), ("IMAGE",)),
    "Reroute": ((("", "*"),), ("*",)),
    "SetNode": ((("*", "*"),), ("*",)),
    "GetNode": ((), ("*",)),
}


class Saved:
    """Builds a saved workflow, or a subgraph's definition, as a user would draw it."""

    def __init__(self) -> None:
        self.nodes: dict[str, Json] = {}
        self.links: list[list[Any]] = []
        self.subgraphs: list[Json] = []
        self._numbers = itertools.count(1)

    def node(self, node_id: Any, kind: str, values: Any = None, **more: Any) -> Any:
        inputs, outputs = SLOTS.get(kind, ((), ("*",)))
        self.nodes[str(node_id)] = {
            "id": node_id,
            "type": kind,
            "pos": [100, 100],
            "size": {"0": 315, "1": 98},
            "flags": {},
            "order": len(self.nodes),
            "mode": 0,
            "inputs": [{"name": name, "type": slot, "link": None} for name, slot in inputs],
            "outputs": [{"name": slot, "type": slot, "links": []} for slot in outputs],
            "properties": {"Node name for S&R": kind},
            **({} if values is None else {"widgets_values": values}),
            **more,
        }
        return node_id

    def link(self, origin: Any, slot: int, target: Any, name: str, kind: str = "*") -> int:
        """Connect; an input that the node does not have becomes one, as converted widgets do."""
        number = next(self._numbers)
        inputs = self.nodes[str(target)]["inputs"]
        known = [one["name"] for one in inputs]
        if name not in known:
            inputs.append({"name": name, "type": kind, "link": None, "widget": {"name": name}})
            known.append(name)
        at = known.index(name)
        inputs[at]["link"] = number
        self.links.append([number, origin, slot, target, at, inputs[at]["type"]])
        return number

    def json(self) -> Json:
        return {
            "last_node_id": len(self.nodes),
            "last_link_id": len(self.links),
            "nodes": list(self.nodes.values()),
            "links": self.links,
            "groups": [{"title": "Group", "bounding": [0, 0, 10, 10]}],
            "extra": {"ds": {"scale": 1, "offset": [0, 0]}},
            "version": 0.4,
            **({"definitions": {"subgraphs": self.subgraphs}} if self.subgraphs else {}),
        }

    def definition(self, subgraph_id: str, inputs: Sequence[tuple[str, str]], outputs: Sequence[str]) -> Json:
        """As a subgraph: links are objects, and -10 and -20 stand for its inputs and outputs."""
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        return {
            "id": subgraph_id,
            "name": "Sub",
            "nodes": list(self.nodes.values()),
            "links": [dict(zip(names, link, strict=True)) for link in self.links],
            "inputNode": {"id": -10, "bounding": [0, 0, 0, 0]},
            "outputNode": {"id": -20, "bounding": [0, 0, 0, 0]},
            "inputs": [{"id": f"i{n}", "name": name, "type": kind} for n, (name, kind) in enumerate(inputs)],
            "outputs": [{"id": f"o{n}", "name": kind, "type": kind} for n, kind in enumerate(outputs)],
        }


def text_to_image(*, model: Any = 4) -> Saved:
    """What the editor opens with. ``model``: the node whose first two outputs are model and CLIP."""
    saved = Saved()
    saved.node(4, "CheckpointLoaderSimple", ["sd15.safetensors"])
    if model != 4:
        return saved
    return finished(saved, model)


def finished(saved: Saved, model: Any) -> Saved:
    saved.node(5, "EmptyLatentImage", [640, 512, 1])
    saved.node(6, "CLIPTextEncode", ["a red fox"], title="Positive")
    saved.node(7, "CLIPTextEncode", ["text, watermark"])
    saved.node(3, "KSampler", [1566802, "randomize", 20, 8, "euler", "normal", 1])
    saved.node(8, "VAEDecode")
    saved.node(9, "SaveImage", ["fox"])
    saved.link(model, 0, 3, "model")
    saved.link(model, 1, 6, "clip")
    saved.link(model, 1, 7, "clip")
    saved.link(6, 0, 3, "positive")
    saved.link(7, 0, 3, "negative")
    saved.link(5, 0, 3, "latent_image")
    saved.link(3, 0, 8, "samples")
    saved.link(4, 2, 8, "vae")
    saved.link(8, 0, 9, "images")
    return saved


TEXT_TO_IMAGE_API: Json = {
    "4": {"inputs": {"ckpt_name": "sd15.safetensors"}, "class_type": "CheckpointLoaderSimple"},
    "5": {"inputs": {"width": 640, "height": 512, "batch_size": 1}, "class_type": "EmptyLatentImage"},
    "6": {
        "inputs": {"text": "a red fox", "clip": ["4", 1]},
        "class_type": "CLIPTextEncode",
        "_meta": {"title": "Positive"},
    },
    "7": {"inputs": {"text": "text, watermark", "clip": ["4", 1]}, "class_type": "CLIPTextEncode"},
    "3": {
        "inputs": {
            "model": ["4", 0],
            "seed": 1566802,
            "steps": 20,
            "cfg": 8,
            "sampler_name": "euler",
            "scheduler": "normal",
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
            "denoise": 1,
        },
        "class_type": "KSampler",
    },
    "8": {"inputs": {"samples": ["3", 0], "vae": ["4", 2]}, "class_type": "VAEDecode"},
    "9": {"inputs": {"images": ["8", 0], "filename_prefix": "fox"}, "class_type": "SaveImage"},
}


INPUTS = [
    ("model", "MODEL"),
    ("positive", "CONDITIONING"),
    ("negative", "CONDITIONING"),
    ("latent_image", "LATENT"),
    ("vae", "VAE"),
    ("steps", "INT"),
]


def in_subgraph(*, inputs: Sequence[tuple[str, str]] = (), **node: Any) -> Saved:
    """The default workflow with sampler and decoder within node 50. ``inputs``: those of the subgraph."""
    inner = Saved()
    inner.node(3, "KSampler", [5, "fixed", 20, 8, "euler", "normal", 1])
    inner.node(8, "VAEDecode")
    inputs = inputs or INPUTS
    for slot, (name, kind) in enumerate(inputs):
        inner.link(-10, slot, 8 if name == "vae" else 3, name, kind)
    inner.link(3, 0, 8, "samples")
    inner.links.append([99, 8, 0, -20, 0, "IMAGE"])
    saved = text_to_image()
    for gone in ("3", "8"):
        del saved.nodes[gone]
    saved.links = [link for link in saved.links if not {3, 8} & {link[1], link[3]}]
    saved.subgraphs = [inner.definition("a-uuid", inputs, ["IMAGE"])]
    saved.node(50, "a-uuid", **node)
    saved.nodes["50"]["inputs"] = [{"name": name, "type": kind, "link": None} for name, kind in INPUTS]
    saved.nodes["50"]["inputs"][5]["widget"] = {"name": "steps"}
    for (name, _), (origin, slot) in zip(INPUTS, [(4, 0), (6, 0), (7, 0), (5, 0), (4, 2)], strict=False):
        saved.link(origin, slot, 50, name)
    saved.link(50, 0, 9, "images")
    return saved
