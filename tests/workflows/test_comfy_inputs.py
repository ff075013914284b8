"""Which form fields are proposed for the inputs of a ComfyUI graph, by what they mean."""

import pytest
from tests.workflows.labelled import classes, labelled, score
from tests.workflows.proposals import fields, node, targets

from emprops.connectors.comfyui.catalogue import Catalogue, read_catalogue
from emprops.workflows.comfy_inputs import propose

GOAL = 0.97
CASES = list(labelled())


@pytest.mark.parametrize("held_out", [False, True], ids=["tuned", "held out"])
@pytest.mark.parametrize("known", [None, classes()], ids=["classes unknown", "classes known"])
def test_what_is_proposed_is_what_publishers_want(held_out: bool, known: Catalogue | None) -> None:
    chosen = [case for case in CASES if case.held_out is held_out]
    found = score(chosen, known)
    part = f"{len(chosen)} graphs, {'held out' if held_out else 'tuned'}, classes {'known' if known else 'unknown'}"
    print(f"{part}: precision {found.precision:.3f}, recall {found.recall:.3f}")
    print(
        *(f"superfluous: {one}" for one in found.superfluous), *(f"missing: {one}" for one in found.missing), sep="\n"
    )
    assert found.precision >= GOAL
    assert found.recall >= GOAL


def test_the_labelled_graphs_are_many_and_a_third_is_held_out() -> None:
    assert len(CASES) >= 100
    assert sum(case.held_out for case in CASES) * 3 >= len(CASES)
    assert len({case.name for case in CASES}) == len(CASES)


def test_equal_values_with_one_meaning_share_a_field_and_followers_make_none() -> None:
    graph = {
        "1": node("ModelSamplingFlux", model=["9", 0], width=1024, height=512),
        "2": node("EmptySD3LatentImage", width=1024, height=768, batch_size=1),
        "3": node("PrimitiveFloat", "Frame Rate(float)", value=24.0),
        "4": node("CreateVideo", images=["2", 0], fps=["3", 0]),
        "5": node("LTXVEmptyLatentAudio", frame_rate=24, frames_number=97),
        "9": node("UNETLoader", unet_name="m.safetensors"),
    }
    found = targets(graph)
    assert found["width"] == ["2.width", "1.width"]
    assert found["height"] == ["2.height"]
    assert found["fps"] == ["3.value", "5.frame_rate"]


def test_an_output_leads_to_the_input_of_its_name() -> None:
    graph = {
        "1": node("CLIPTextEncode", text="a fox"),
        "2": node("CLIPTextEncode", text="blurry"),
        "3": node("MODELFirst", model=["9", 0], positive=["1", 0], negative=["2", 0]),
        "4": node("CFGGuider", positive=["3", 1], negative=["3", 2]),
        "5": node("CFGGuider", positive=["3", 1], negative=["3", 1]),
        "9": node("UNETLoader"),
    }
    both = {"prompt": ["1.text"], "negative_prompt": ["2.text"]}
    assert targets(graph) == both
    info = {"output": ["MODEL", "CONDITIONING", "CONDITIONING"], "output_name": ["model", "positive", "negative"]}
    assert targets(graph, read_catalogue({"MODELFirst": info})) == both


def test_a_title_tells_where_links_do_not() -> None:
    title = "CLIP Text Encode (Negative Prompt)"
    graph = {"1": node("CLIPTextEncode", title, text="blurry"), "2": node("OddSampler", neg=["1", 0])}
    assert targets(graph) == {"negative_prompt": ["1.text"]}
    graph["3"] = node("KSampler", positive=["1", 0])
    assert targets(graph) == {"prompt": ["1.text"]}


def test_loras_are_told_apart_and_those_for_speed_left_out() -> None:
    graph = {
        "1": node("LoraLoader", lora_name="a.safetensors", strength_model=0.8, strength_clip=0.8),
        "2": node("LoraLoaderModelOnly", lora_name="b.safetensors", strength_model=0.8),
        "3": node("LoraLoaderModelOnly", lora_name="x-8steps.safetensors", strength_model=0.5),
        "4": node("LoraLoaderModelOnly", lora_name=["9", 0], strength_model=0.5),
        "5": node("LoraLoaderModelOnly", lora_name="depth.safetensors", strength_model=1.0),
        "9": node("Chooser"),
    }
    assert targets(graph) == {
        "lora_strength": ["1.strength_model", "1.strength_clip"],
        "lora_strength_2": ["2.strength_model"],
        "lora_strength_3": ["4.strength_model"],
    }


def test_texts_do_not_come_through_pictures() -> None:
    graph = {
        "1": node("CLIPTextEncode", text="first pass"),
        "2": node("KSampler", positive=["1", 0]),
        "3": node("VAEDecode", samples=["2", 0]),
        "4": node("TextEncodeQwenImageEditPlus", prompt="", image1=["3", 0]),
        "5": node("KSampler", negative=["4", 0]),
    }
    assert targets(graph) == {"prompt": ["1.text"], "negative_prompt": ["4.prompt"]}


def test_any_class_with_a_text_of_several_lines_for_a_prompt() -> None:
    graph = {"1": node("Odd", scene_prompt="a street", system_prompt="You are …", tracks="[]")}
    text = ["STRING", {"multiline": True}]
    info = {"input": {"required": dict.fromkeys(("scene_prompt", "system_prompt", "tracks"), text)}}
    assert targets(graph, read_catalogue({"Odd": info})) == {"prompt": ["1.scene_prompt"]}
    assert targets(graph) == {}


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Int (Duration)", ["duration"]),
        ("Frame Rate(int)", ["fps"]),
        ("Width", ["width"]),
        ("Int (Multiplier)", []),
        ("Batch sizes", []),
        ("", ["length"]),
    ],
)
def test_what_goes_into_a_sum_is_what_its_title_says(title: str, found: list[str]) -> None:
    graph = {
        "1": node("PrimitiveInt", title, value=5),
        "2": node("ComfyMathExpression", **{"values.a": ["1", 0]}),
        "3": node("EmptyLTXVLatentVideo", length=["2", 1]),
    }
    assert list(fields(graph)) == found


def test_templates_and_instructions_are_the_authors() -> None:
    graph = {
        "1": node("PrimitiveStringMultiline", value="Draw <x> in <y>"),
        "2": node("PrimitiveStringMultiline", "Text (User Prompt)", value="a fox"),
        "3": node("StringReplace", string=["1", 0], find="<x>", replace=["2", 0]),
        "4": node("PrimitiveString", value="snow"),
        "5": node("RegexReplace", string=["3", 0], regex_pattern="<y>", replace=["4", 0]),
        "6": node("PrimitiveString", "System prompt", value="You are …"),
        "7": node("StringConcatenate", string_a=["6", 0], string_b=["5", 0]),
        "8": node("CLIPTextEncode", text=["7", 0]),
        "9": node("KSampler", negative=["8", 0]),
    }
    found = propose(graph)
    assert [one.form_field["name"] for one in found] == ["User Prompt", "Negative prompt 2"]
    assert [one.targets for one in found] == [[("2", "value")], [("4", "value")]]


def test_texts_that_a_node_joins_are_users_unless_others_bring_them() -> None:
    graph = {
        "1": node("StringConcatenate", string_a="a cat", string_b="made of gum", delimiter=", "),
        "2": node("CLIPTextEncode", text=["1", 0]),
    }
    assert targets(graph) == {"prompt": ["1.string_a"], "prompt_2": ["1.string_b"]}
    graph["1"]["inputs"]["string_a"] = ["3", 0]
    graph["3"] = node("PrimitiveString", value="a dog")
    assert targets(graph) == {"prompt": ["3.value"]}


def test_a_node_that_shows_a_text_asks_for_it_only_if_it_holds_it() -> None:
    graph = {
        "1": node("PrimitiveString", value="You are …"),
        "2": node("GeminiNode", system_prompt=["1", 0]),
        "3": node("ShowText", text=["1", 0]),
        "4": node("ShowText", text="a fox"),
        "5": node("SaveText", text="said"),
    }
    assert targets(graph) == {"prompt": ["4.text"]}


def test_a_value_is_followed_through_many_nodes_but_not_without_end() -> None:
    graph = {str(at): node("PrimitiveInt", value=at) for at in range(1000)}
    for at in range(1000, 2000):
        graph[str(at)] = node("StringConcatenate", string_a=[str(at - 1), 0], string_b=[str(at - 1000), 0])
    graph["2000"] = node("PrimitiveInt", value=20)
    for at in range(2001, 2020):
        graph[str(at)] = node("Reroute", value=[str(at - 1), 0])
    graph["2020"] = node("KSampler", steps=["2019", 0])
    assert targets(graph) == {"steps": ["2000.value"]}


def test_a_pass_without_noise_that_only_reads_a_picture_is_not_set_up_by_users() -> None:
    graph = {
        "1": node("DisableNoise"),
        "2": node("KSamplerSelect", sampler_name="euler"),
        "3": node("BasicScheduler", scheduler="normal", steps=1, denoise=1.0),
        "4": node("SetFirstSigma", sigmas=["3", 0], sigma=999.0),
        "5": node("SamplerCustomAdvanced", noise=["1", 0], sampler=["2", 0], sigmas=["4", 0]),
    }
    assert fields(graph) == {}
    graph["1"] = node("RandomNoise", noise_seed=3)
    assert list(fields(graph)) == ["seed", "sampler_name", "scheduler", "steps"]
