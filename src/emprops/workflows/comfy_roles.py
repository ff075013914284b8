"""What the inputs of ComfyUI's nodes mean to people who fill in a form: a table, read from the top. Pure.

An input is known by its name (of ``model.prompt``, the last part), whatever its class; ``unless`` says where it is not
worth asking. What has no row stays as it is: models, thresholds, names of files to write.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from emprops.connectors.comfyui.catalogue import Input
from emprops.workflows.comfy_graph import linked

FRAMES = frozenset({"length", "frames", "num_frames", "frames_number", "video_frames", "seconds", "duration"})
"""What nodes ask that make something with a beginning and an end."""
NOT_PICTURES = re.compile(r"Video|Audio|3D|Hunyuan3D|EmptyImage")
FOLLOWED = re.compile(r"(?<!latent_)image|video|audio|pixels|clip_vision|control|style_model|tracks|reference")
ADAPTER = re.compile(r"IPAdapter|InstantID|PuLID|LumaReference", re.IGNORECASE)
FAST = re.compile(
    r"lightning|lightx2v|turbo|hyper|lcm|dmd|distill|causvid|accvid|\d[-_ ]?steps?(?![a-z])", re.IGNORECASE
)
TEXTS = frozenset(
    {
        *("prompt", "text", "text_g", "text_l", "clip_l", "clip_g", "t5xxl", "llama", "bert", "mt5xl", "qwen25_7b"),
        *("user_prompt", "user_input", "input_text", "prompt_text", "positive_prompt", "positive", "text_positive"),
        *("caption", "wildcard_text"),
    }
)
SAMPLERS = (
    *("euler", "euler_ancestral", "heun", "dpm_2", "dpm_2_ancestral", "lms", "dpm_fast", "dpmpp_2s_ancestral"),
    *("dpmpp_sde", "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_3m_sde", "ddpm", "lcm", "ddim", "uni_pc", "uni_pc_bh2"),
)
SCHEDULERS = ("normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta")

Takes = Literal["text", "number", "choice", "either", "switch", "seed", "file", "plain"]
"""``either``: a number or a choice; ``plain``: a number without usual limits."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A literal input of a node."""

    node: str
    class_type: str
    inputs: Mapping[str, Any]
    name: str
    value: Any
    fact: Input | None = None
    """What is known of the input, or of the one that a primitive's value is for."""
    title: str = ""
    """What the author calls the node."""

    @property
    def links(self) -> set[str]:
        """The node's inputs that come from other nodes."""
        return {name for name, value in self.inputs.items() if linked(value) is not None}


Test = Callable[[Spot], bool]


@dataclass(frozen=True, slots=True)
class Role:
    """A row: the field, the names of inputs that it is for, and the limits that are usual."""

    field: str
    names: tuple[str, ...]
    takes: Takes = "number"
    low: float = 0
    high: float = 100
    step: float | None = None
    """None: 1 for whole numbers, else 0.1."""
    options: tuple[str, ...] = ()
    """To choose from where the class is not known."""
    unless: tuple[Test, ...] = ()
    apart: Callable[[Spot], Any] | None = None
    """What keeps equal values of different things apart."""


def last_part(name: str) -> str:
    """Return the name of an input without the choice that brought it."""
    return name.rpartition(".")[2].lower()


def _is(value: Any) -> Test:
    return lambda spot: bool(spot.value == value)


def _of(pattern: str) -> Test:
    classes = re.compile(pattern)
    return lambda spot: classes.search(spot.class_type) is not None


def _at_most_one(spot: Spot) -> bool:
    return not isinstance(spot.value, (int, float)) or spot.value <= 1


def _is_area(spot: Spot) -> bool:
    """A place within a picture, or what is cut out of one."""
    return {"x", "y"} <= spot.inputs.keys() or "Crop" in spot.class_type


def _has_preset(spot: Spot) -> bool:
    preset = spot.inputs.get("size_preset")
    return isinstance(preset, str) and "custom" not in preset.lower()


def _adds_no_noise(spot: Spot) -> bool:
    return spot.inputs.get("add_noise") in (False, "disable")


def _in_time(spot: Spot) -> bool:
    """One latent for a whole video, sound or solid: there the batch multiplies the work, and mostly fails."""
    return not FRAMES.isdisjoint(map(last_part, spot.inputs)) or NOT_PICTURES.search(spot.class_type) is not None


def _makes_no_batch(spot: Spot) -> bool:
    match last_part(spot.name):
        case "amount":
            return spot.class_type != "RepeatLatentBatch"
        case "batch_size":
            return not {"width", "empty_latent_width"} & spot.inputs.keys()
        case _:
            return _makes_nothing(spot)


def _follows_nothing(spot: Spot) -> bool:
    """A strength of what the model does by itself, not of a picture or sound that it follows."""
    return not any(FOLLOWED.search(name) for name in spot.links)


def _is_no_adapter(spot: Spot) -> bool:
    return last_part(spot.name) == "weight" and ADAPTER.search(spot.class_type) is None


def _speeds_up(spot: Spot) -> bool:
    return FAST.search(str(spot.inputs.get("lora_name", ""))) is not None


def _makes_nothing(spot: Spot) -> bool:
    """A node without a text of its own, unlike those that make a picture by themselves."""
    own_names = ("style_type", "style_preset", "substyle", "size_preset")
    return last_part(spot.name) not in own_names and TEXTS.isdisjoint(map(last_part, spot.inputs))


def _is_detail(spot: Spot) -> bool:
    return not isinstance(spot.value, str) and not spot.class_type.startswith("Empty")


def _source(spot: Spot) -> Any:
    """What a strength is the strength of."""
    followed = sorted(name for name in spot.links if FOLLOWED.search(name))
    return tuple(tuple(spot.inputs[name]) for name in followed)


def _is_display(spot: Spot) -> bool:
    """A text of somewhere else that a node only shows."""
    return spot.name in spot.links and re.match("Show|Display", spot.class_type) is not None


def _lora(spot: Spot) -> Any:
    return str(spot.inputs.get("lora_name"))


NOT_ASKED = _of(r"^(Save|Preview|Note|MarkdownNote)|^Text(Lower|Upper)")

ROLES = (
    Role("prompt", tuple(sorted(TEXTS)), "text", unless=(NOT_ASKED, _is_display)),
    Role("negative_prompt", ("negative_prompt", "negative", "text_negative", "neg_prompt"), "text"),
    Role("tags", ("tags",), "text"),
    Role("lyrics", ("lyrics",), "text"),
    Role("seed", ("seed", "noise_seed", "image_seed", "model_seed", "texture_seed"), "seed", unless=(_adds_no_noise,)),
    Role("steps", ("steps", "num_steps", "num_inference_steps"), low=1, high=150, step=1, unless=(_of("^Save"),)),
    Role(
        "cfg",
        ("cfg", "cfg_scale", "cfg_conds", "cfg_cond2_negative", "guidance_scale", "prompt_adherence"),
        high=30,
        step=0.1,
    ),
    Role("guidance", ("guidance",), step=0.1),
    Role("denoise", ("denoise", "image_denoise", "denoise_strength"), high=1, step=0.01, unless=(_is(1),)),
    Role("sampler_name", ("sampler_name", "sampler"), "choice", options=SAMPLERS),
    Role("scheduler", ("scheduler",), "choice", options=SCHEDULERS),
    *(
        Role(
            side,
            (side, f"target_{side}", f"empty_latent_{side}"),
            low=16,
            high=4096,
            step=8,
            unless=(_is(0), _is_area, _has_preset, _of("^(Load|Webcam)")),
        )
        for side in ("width", "height")
    ),
    Role(
        "batch_size",
        ("batch_size", "n", "num_images", "number_of_images", "max_images", "amount"),
        low=1,
        high=16,
        step=1,
        unless=(_in_time, _makes_no_batch),
    ),
    Role("layers", ("layers",), low=1, high=10, step=1),
    Role(
        "length",
        ("length", "frames", "num_frames", "frames_number", "video_frames", "frame_count"),
        low=1,
        high=257,
        step=1,
        unless=(_at_most_one, _of("FromBatch|^(VHS_)?Load")),
    ),
    Role(
        "duration",
        ("duration", "duration_seconds", "seconds", "seconds_total", "max_duration", "video_duration"),
        "either",
        low=1,
        high=300,
    ),
    Role("fps", ("fps", "frame_rate"), "either", low=1, high=60, unless=(_of("^(VHS_)?Load"),)),
    Role("motion_bucket_id", ("motion_bucket_id",), low=1, high=255, step=1),
    Role(
        "strength",
        ("strength", "weight", "image_weight", "image_prompt_strength"),
        high=2,
        step=0.01,
        unless=(_is_area, _follows_nothing, _is_no_adapter),
        apart=_source,
    ),
    Role(
        "lora_strength",
        ("strength_model", "strength_clip"),
        low=-2,
        high=2,
        step=0.05,
        unless=(_is(1), _speeds_up),
        apart=_lora,
    ),
    Role("lyrics_strength", ("lyrics_strength",), high=2, step=0.01),
    Role(
        "scale_by",
        ("scale_by", "upscale_by", "scale_ratio", "upscale_factor"),
        low=1,
        high=8,
        step=0.1,
        unless=(_at_most_one,),
    ),
    *(
        Role(edge, (edge,), high=2048, step=8, unless=(lambda spot: "image" not in spot.links,))
        for edge in ("left", "top", "right", "bottom")
    ),
    Role("elevation", ("elevation",), low=-90, high=90),
    Role("azimuth", ("azimuth",), low=-180, high=180),
    Role("creativity", ("creativity",), high=10),
    Role("speed", ("speed", "voice_speed"), low=0.5, high=2, step=0.05),
    Role("bpm", ("bpm",), low=40, high=240, step=1),
    Role("aspect_ratio", ("aspect_ratio", "ratio"), "choice"),
    Role("resolution", ("resolution",), "either", low=256, high=8192, step=64, unless=(_is_detail,)),
    Role("size", ("size", "size_preset"), "choice", unless=(_makes_nothing,)),
    Role("quality", ("quality",), "choice", unless=(_makes_nothing,)),
    Role("style", ("style", "style_type", "style_preset", "substyle"), "choice", unless=(_makes_nothing,)),
    Role("template", ("template", "effect_scene", "pikaffect"), "choice", unless=(_of("^String"),)),
    Role("voice", ("voice",), "choice"),
    Role("language", ("language", "voice_language"), "choice"),
    Role("camera_pose", ("camera_pose",), "choice"),
    Role("animation", ("animation",), "choice"),
    Role("keyscale", ("keyscale",), "choice"),
    Role("timesignature", ("timesignature",), "choice"),
    Role("generate_audio", ("generate_audio",), "switch"),
)
BY_NAME: Mapping[str, Role] = {name: role for role in reversed(ROLES) for name in role.names}
FILES: Mapping[str, Role] = {kind: Role(kind, (), "file") for kind in ("image", "video", "audio", "mask")}
