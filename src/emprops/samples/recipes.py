"""The sample workflows and collections, as data. Raise :data:`VERSION` when you change them."""

from dataclasses import dataclass
from typing import Any

VERSION = 4

STYLES = (
    "scene",
    "poster",
    "aurora",
    "bloom",
    "flow_field",
    "mosaic",
    "mountains",
    "orbits",
    "papercut",
    "silk",
    "watercolor",
)
PALETTES = (
    *("sunset", "ocean", "forest", "northern", "ember", "lavender", "rose", "desert", "arctic", "neon", "candy"),
    *("autumn", "spring", "retro", "ink", "dawn", "day", "dusk", "night", "storm", "mist", "gold"),
)
TONES = ("warm", "playful", "poetic", "plain")
MOTIONS = ("zoom_in", "zoom_out", "pan_left", "pan_right", "orbit")
RATIOS = ("16:9", "9:16", "1:1", "4:3")
SIDES = (256, 512, 640, 768, 1024, 1280, 1536, 2048)
MAX_SEED = 2**32 - 1

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SampleWorkflow:
    """A workflow, always of type direct_job."""

    name: str
    label: str
    description: str
    data: Json
    output_mime_type: str


@dataclass(frozen=True, slots=True)
class SampleCollection:
    """A published, public collection; with types it is a global one that outputs can be developed with."""

    slug: str
    title: str
    description: str
    data: Json
    input_type: str | None = None
    output_type: str | None = None


def field(name: str, kind: str, label: str, **more: Any) -> Json:
    """One form field."""
    return {"id": name, "name": label, "type": kind, "display": True, "group": "main"} | more


def select(name: str, label: str, options: tuple[Any, ...], default: Any) -> Json:
    """A form field with a fixed list of values."""
    return field(name, "select", label, options=list(options), default=default)


def job(service: str, fields: list[Json], credit: float) -> Json:
    """A direct job that takes each field under its own name."""
    return {
        "form": {"config": {"groupOrder": ["main"], "componentGroup": "local"}, "fields": fields},
        "inputs": [{"id": item["id"], "pathJq": f".payload.{item['id']}"} for item in fields],
        "job": {"service_required": service, "payload": {}},
        "credits": credit,
        "sample_version": VERSION,
    }


def recipe(steps: list[Json], variables: list[Json]) -> Json:
    """An instruction set for one generation."""
    return {
        "version": "v2",
        "steps": [step | {"id": at, "fromId": at} for at, step in enumerate(steps, 1)],
        "variables": variables,
        "generations": {"generations": 1, "hashes": [], "use_custom_hashes": False},
        "sample_version": VERSION,
    }


def pick(name: str, label: str, values: tuple[Any, ...], *, usual: Any, names: tuple[str, ...] = ()) -> Json:
    """A variable that is ``usual`` unless the caller chooses: the only value with a weight."""
    weights = [1 if value == usual else 0 for value in values]
    return {
        "name": name,
        "label": label,
        "type": "weighted_pick",
        "value_type": "numbers" if isinstance(usual, int) else "strings",
        "value": {"display_names": list(names or map(str, values)), "values": list(values), "weights": weights},
    }


PROMPT_FIELD = field("prompt", "prompt_editor", "Prompt", placeholder="Mountains at sunset")
SEED_FIELD = field("seed", "number", "Seed", constraints={"min": 0, "max": MAX_SEED, "step": 1})
IMAGE_FIELD = field("image", "image_loader", "Image", required=True)

SEED: Json = {
    "name": "seed",
    "label": "Seed",
    "description": "The same seed and prompt give the same result; left out, each run has its own.",
    "type": "number",
    "value_type": "integers",
    "required": False,
    "min": 0,
    "max": MAX_SEED,
}
IMAGE: Json = {
    "name": "image",
    "label": "Image",
    "description": "The picture to start from.",
    "type": "text",
    "value_type": "images",
    "required": True,
}
STYLE = pick("style", "Style", ("auto", *STYLES), usual="auto")
PALETTE = pick("palette", "Palette", ("auto", *PALETTES), usual="auto")


def prompt(example: str) -> Json:
    """The prompt, with what it is when the caller leaves it out."""
    return {
        "name": "prompt",
        "label": "Prompt",
        "type": "text",
        "value_type": "strings",
        "test_value": example,
        "max_length": 4000,
    }


def step(workflow: str, alias: str, **payload: Any) -> Json:
    """One step of a collection."""
    return {"nodeName": workflow, "alias": alias, "nodePayload": payload}


PAINT = step("local_image", "Paint", prompt="{{prompt}}", style="{{style}}", palette="{{palette}}", seed="{{seed}}")

WORKFLOWS = (
    SampleWorkflow(
        "local_image",
        "Local image",
        "A picture of the prompt's words, made here without a model; those that it cannot draw are set in letters.",
        job(
            "local_image",
            [
                PROMPT_FIELD,
                select("style", "Style", ("auto", *STYLES), "auto"),
                select("palette", "Palette", ("auto", *PALETTES), "auto"),
                select("lettering", "Words that cannot be drawn", ("auto", "off"), "auto"),
                select("width", "Width", SIDES, 768),
                select("height", "Height", SIDES, 768),
                SEED_FIELD,
            ],
            1,
        ),
        "image/png",
    ),
    SampleWorkflow(
        "local_video",
        "Local video",
        "A slow camera move over a picture.",
        job(
            "local_video",
            [
                IMAGE_FIELD,
                field("duration", "slider", "Seconds", default=4, constraints={"min": 1, "max": 10, "step": 0.5}),
                field("fps", "slider", "Frames per second", default=24, constraints={"min": 12, "max": 30, "step": 1}),
                select("motion", "Motion", ("auto", *MOTIONS), "auto"),
                select("aspect_ratio", "Aspect ratio", RATIOS, None),
            ],
            2,
        ),
        "video/mp4",
    ),
    SampleWorkflow(
        "local_upscale",
        "Local upscale",
        "A picture two or four times as large.",
        job("local_upscale", [IMAGE_FIELD, select("factor", "Factor", (2, 4), 2)], 1),
        "image/png",
    ),
    SampleWorkflow(
        "local_text",
        "Local text",
        "A few sentences about a topic, from a small grammar.",
        job(
            "local_text",
            [
                PROMPT_FIELD | {"required": True, "placeholder": "A lighthouse in winter"},
                select("tone", "Tone", ("auto", *TONES), "auto"),
                field("sentences", "slider", "Sentences", default=5, constraints={"min": 1, "max": 12, "step": 1}),
                SEED_FIELD,
            ],
            0.25,
        ),
        "text/plain",
    ),
)

COLLECTIONS = (
    SampleCollection(
        "art",
        "Generative Art",
        "A picture from your words; what cannot be drawn is set in letters. Leave style and palette on auto or choose.",
        recipe([PAINT], [prompt("a quiet harbour at dawn"), STYLE, PALETTE, SEED]),
    ),
    SampleCollection(
        "art-2x",
        "Art in Double Size",
        "Two steps: a picture from your words, then the same picture twice as large.",
        recipe(
            [PAINT, step("local_upscale", "Enlarge", image={"$ref": 1}, factor=2)],
            [prompt("mountains under a clear sky"), STYLE, PALETTE, SEED],
        ),
    ),
    SampleCollection(
        "story",
        "Short Story",
        "A few sentences about whatever you like.",
        recipe(
            [
                step(
                    "local_text",
                    "Write",
                    prompt="{{prompt}}",
                    tone="{{tone}}",
                    sentences="{{sentences}}",
                    seed="{{seed}}",
                )
            ],
            [
                prompt("a lighthouse in winter"),
                pick("tone", "Tone", ("auto", *TONES), usual="auto"),
                {
                    "name": "sentences",
                    "label": "Sentences",
                    "type": "number",
                    "value_type": "integers",
                    "value": 5,
                    "min": 1,
                    "max": 12,
                },
                SEED,
            ],
        ),
    ),
    SampleCollection(
        "image-to-video",
        "Image to Video",
        "A slow camera move over a picture.",
        recipe(
            [
                step(
                    "local_video",
                    "Film",
                    image="{{image}}",
                    duration="{{duration}}",
                    motion="{{motion}}",
                    aspect_ratio="{{aspect_ratio}}",
                )
            ],
            [
                IMAGE,
                pick(
                    "duration",
                    "Duration",
                    (2, 3, 4, 5, 6, 8, 10),
                    usual=4,
                    names=("2s", "3s", "4s", "5s", "6s", "8s", "10s"),
                ),
                pick("motion", "Motion", ("auto", *MOTIONS), usual="auto"),
                pick("aspect_ratio", "Aspect ratio", ("", *RATIOS), usual="", names=("as the picture", *RATIOS)),
            ],
        ),
        input_type="image",
        output_type="video",
    ),
    SampleCollection(
        "upscale",
        "Upscale Image",
        "A picture two or four times as large.",
        recipe(
            [step("local_upscale", "Enlarge", image="{{image}}", factor="{{factor}}")],
            [IMAGE, pick("factor", "Factor", (2, 4), usual=2, names=("2x", "4x"))],
        ),
        input_type="image",
        output_type="image",
    ),
)
