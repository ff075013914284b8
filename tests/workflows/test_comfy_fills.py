"""Texts of a graph that are filled in for each generation: which, by what the machine's classes say, and with what."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
import redis.asyncio
from tests.apps import as_user
from tests.workflows.saved import OBJECT_INFO, Saved, info, text_to_image

from emprops.collections import chance
from emprops.connectors.comfyui.catalogue import pack, read_catalogue, unpack
from emprops.kit.ids import new_id
from emprops.queue.catalogues import Catalogues
from emprops.workflows import comfy_fills, service
from emprops.workflows.comfy_fills import CHOICES, DYNAMIC_PROMPT
from emprops.workflows.importing import imported
from emprops.workflows.kinds.base import Occasion, PlannedWork
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.references import MixedText, Reference
from emprops.workflows.store import Workflow

PROMPT = ["STRING", {"multiline": True, "dynamicPrompts": True}]
CLASSES = OBJECT_INFO | {
    "CLIPTextEncode": info({"text": PROMPT, "clip": ["CLIP"]}),
    "Styled": info(
        {"style": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "own", "inputs": {"required": {"words": PROMPT}}}]}]}
    ),
}
USER = as_user(new_id())
AT = datetime(2026, 3, 7, 9, 5, tzinfo=UTC)
ANIMALS = "{" + "|".join(f"animal {n}" for n in range(50)) + "}"


def occasion(seed: int) -> Occasion:
    return Occasion(lambda purpose, count: chance.whole(str(seed), purpose, 0, count - 1), AT)


def texts(*values: Any, way: str = DYNAMIC_PROMPT, **more: Any) -> dict[str, Any]:
    graph = {str(n): {"class_type": "CLIPTextEncode", "inputs": {"text": value}} for n, value in enumerate(values)}
    fills = comfy_fills.fills_of(graph, read_catalogue(CLASSES), way)
    return {"form": {"fields": []}, "inputs": {}, "workflow": graph, "fills": fills} | more


def planned(data: dict[str, Any], seed: int = 1, **fields: Any) -> list[Any]:
    assert service.check("comfy_workflow", data) == []
    work = KINDS["comfy_workflow"].plan(
        Workflow(uuid4(), "w", "W", "comfy_workflow", data, "image/png"), fields, occasion(seed)
    )
    assert isinstance(work, PlannedWork)
    return [node["inputs"].get("text") for node in work.payload["workflow"].values()]


def test_what_is_filled_in_is_what_the_classes_say_also_of_inputs_that_a_choice_brings() -> None:
    graph = {
        "1": {"class_type": "CLIPTextEncode", "inputs": {}},
        "2": {"class_type": "Styled", "inputs": {}},
        "3": {"class_type": "SaveImage", "inputs": {}},
        "4": {"class_type": "Unknown", "inputs": {}},
    }
    catalogue = unpack(pack(read_catalogue(CLASSES)))
    assert comfy_fills.fills_of(graph, catalogue, CHOICES) == {
        "inputs": {"1": {"text": [CHOICES]}, "2": {"style.words": [CHOICES]}}
    }
    assert comfy_fills.fills_of({"3": graph["3"]}, catalogue, CHOICES) == {}


def test_the_same_seed_gives_the_same_text_and_others_give_others() -> None:
    data = texts(f"a {ANIMALS} // or so", f"a {ANIMALS} // or so", f"the {ANIMALS}")
    drawn = [planned(data, seed) for seed in range(20)]
    assert drawn == [planned(data, seed) for seed in range(20)]
    assert all(first == second for first, second, _ in drawn), "equal texts get equal choices"
    assert len({first for first, _, _ in drawn}) > 10
    assert any(first[2:].strip() != third[4:] for first, _, third in drawn), "others have their own"
    assert planned(texts({"__value__": ["{a|b}"]}, ["0", 0], 5)) == [{"__value__": ["{a|b}"]}, ["0", 0], 5]


def test_what_a_user_writes_into_such_an_input_is_filled_in_too() -> None:
    data = texts("", "") | {
        "form": {"fields": [{"id": "prompt", "type": "prompt_editor"}]},
        "inputs": {"0": {"text": {"value": "prompt"}}},
    }
    del data["fills"]["inputs"]["1"]
    assert planned(data, prompt="a {fox} /* red */ runs") == ["a fox  runs", ""]
    del data["fills"]
    assert planned(data, prompt="a {fox}") == ["a {fox}", ""]


@pytest.mark.parametrize("text", ['{"scene": "see https://x.org"}', "a {fox} // b", r"\{a\|b\}"])
def test_a_graph_that_the_editor_exported_keeps_texts_without_a_choice(text: str) -> None:
    assert planned(texts(text, way=CHOICES)) == [text]
    assert planned(texts("{a|a} // b", way=CHOICES)) == ["a "]


def test_results_of_other_steps_are_not_looked_into() -> None:
    one, two = Reference(UUID(int=1)), Reference(UUID(int=2))
    data = texts("") | {
        "form": {"fields": [{"id": "prompt", "type": "prompt_editor"}]},
        "inputs": {"0": {"text": {"value": "prompt"}}},
    }

    def filled(*parts: str | Reference) -> list[Any]:
        text = planned(data, prompt=MixedText(parts))[0]
        return [part.step if isinstance(part, Reference) else part for part in getattr(text, "parts", [text])]

    assert filled("a {b|b} ", one) == ["a b ", one.step]
    assert filled("{", one, "|", one, "} and ", two) == [one.step, " and ", two.step]
    assert filled("a // ", one, "\nb") == ["a \nb"]
    assert filled("/* ", one, "*/", two) == [two.step]


def test_long_texts_are_sent_as_they_are() -> None:
    text = "{a|b}" * 20000
    assert planned(texts(text)) == [text]


def test_file_names_get_dates_and_values_of_the_node_that_was_given_the_name() -> None:
    graph = {
        "1": {
            "class_type": "EmptyLatentImage",
            "inputs": {"width": 512, "height": ["9", 0]},
            "_meta": {"title": "Size"},
        },
        "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 64}, "_meta": "odd"},
        "3": {"class_type": "SaveImage", "inputs": {"filename_prefix": "", "other": "%date:yyyy%"}},
    }

    def prefix(text: str, fills: dict[str, Any] | None = None) -> Any:
        made: Any = {**graph, "3": {**graph["3"], "inputs": {"filename_prefix": text, "other": "%date:yyyy%"}}}
        comfy_fills.fill(made, fills or {}, occasion(1).draw, AT)
        assert made["3"]["inputs"]["other"] == "%date:yyyy%"
        return made["3"]["inputs"]["filename_prefix"]

    assert prefix("%date:yyyy-MM-dd%/%Size.width%") == "2026-03-07/512"
    assert prefix("%EmptyLatentImage.width%_%Size.height%") == "512_%Size.height%"
    named = {"names": {"Base": "1", "Gone": "7"}}
    assert prefix("%Base.width% %EmptyLatentImage.width% %Gone.width%", named) == "512 64 %Gone.width%"


@pytest.mark.parametrize(
    ("fills", "says"),
    [
        ([], "fills.inputs must be an object"),
        ({"inputs": []}, "fills.inputs must be an object"),
        ({"inputs": {"0": []}}, "fills.inputs must be an object"),
        ({"names": {"a": 1}}, "fills.names must be an object"),
        ({"inputs": {"9": {}}}, "fills name node 9"),
        ({"inputs": {"0": {"text": "choices"}}}, "must be a list of dynamic_prompt, choices, replacements"),
        ({"inputs": {"0": {"text": ["magic"]}}}, "input text of node 0"),
    ],
)
def test_what_is_wrong_with_fills_is_said(fills: Any, says: str) -> None:
    assert says in "; ".join(service.check("comfy_workflow", texts("a", fills=fills)))


class TestStored:
    @pytest.fixture
    async def shelf(self, redis: redis.asyncio.Redis) -> None:
        await Catalogues(redis, "emprops:").show(pack(read_catalogue(CLASSES)))

    async def store(self, client: httpx2.AsyncClient, data: Any) -> dict[str, Any]:
        body = {"name": "fox", "label": "", "description": "", "output_mime_type": "image/png", "data": data}
        reply = await client.post("/api/workflows", json=body, headers=USER)
        assert reply.status_code == 201, reply.text
        return dict(reply.json()["data"])

    @pytest.mark.usefixtures("shelf")
    async def test_a_saved_workflow_with_what_is_filled_in(self, client: httpx2.AsyncClient) -> None:
        stored = await self.store(client, drawn_by_hand().json())
        assert stored["data"]["fills"] == {
            "inputs": {"6": {"text": [DYNAMIC_PROMPT]}, "7": {"text": [DYNAMIC_PROMPT]}},
            "names": {"Base": "5"},
        }
        assert stored["analysis"]["filled_inputs"] == [
            {"target": "6.text", "signs": ["choices", "comments"]},
            {"target": "9.filename_prefix", "signs": ["dates", "values"]},
        ]
        [warning] = stored["analysis"]["warnings"]
        assert (warning["node"], warning["class_type"]) == ("9", "SaveImage")
        assert "%Bse.width%, which names no node" in warning["reason"]
        again = await client.patch("/api/workflows/fox", json={"data": stored["data"]}, headers=USER)
        assert again.json()["data"]["data"] == stored["data"]

    @pytest.mark.usefixtures("shelf")
    async def test_converting_gives_what_can_be_stored(self, client: httpx2.AsyncClient) -> None:
        reply = await client.post("/api/workflows/convert", json={"workflow": drawn_by_hand().json()}, headers=USER)
        made = reply.json()["data"]
        assert made["analysis"]["filled_inputs"][0] == {"target": "6.text", "signs": ["choices", "comments"]}
        assert "%Bse.width%" in made["analysis"]["warnings"][0]["reason"]
        assert made["workflow"]["6"]["inputs"]["text"] == "a {red|green} fox // c"
        stored = await self.store(client, made)
        assert stored["data"]["fills"] == made["fills"]

    @pytest.mark.usefixtures("shelf")
    async def test_a_graph_in_api_form_is_looked_up_unless_its_author_says(self, client: httpx2.AsyncClient) -> None:
        graph = {"1": {"class_type": "CLIPTextEncode", "inputs": {"text": "a // b"}}}
        stored = await self.store(client, graph)
        assert stored["data"]["fills"] == {"inputs": {"1": {"text": [CHOICES]}}}
        assert stored["analysis"]["filled_inputs"] == []
        said = {"workflow": graph, "fills": {"inputs": {"1": {"text": [DYNAMIC_PROMPT]}}}}
        changed = (await client.patch("/api/workflows/fox", json={"data": said}, headers=USER)).json()["data"]
        assert changed["data"]["fills"] == said["fills"]
        assert changed["analysis"]["filled_inputs"] == [{"target": "1.text", "signs": ["comments"]}]

    async def test_without_a_live_machine_nothing_is_known(self, client: httpx2.AsyncClient) -> None:
        stored = await self.store(client, {"1": {"class_type": "CLIPTextEncode", "inputs": {"text": "{a|b}"}}})
        assert "fills" not in stored["data"]

    async def test_odd_fills_are_refused(self, client: httpx2.AsyncClient) -> None:
        graph = {"1": {"class_type": "CLIPTextEncode", "inputs": {"text": "{a|b}"}}}
        body = {"name": "fox", "label": "", "description": "", "output_mime_type": "image/png"}
        for odd in (None, 1, {"inputs": {"1": {"text": {}}}}, {"names": {"a": []}}):
            data = {"workflow": graph, "fills": odd}
            reply = await client.post("/api/workflows", json=body | {"data": data}, headers=USER)
            assert (reply.status_code, reply.json()["code"]) == (400, "invalid_workflow")


def test_a_primitive_that_replaces_fills_in_what_it_sets() -> None:
    saved = drawn_by_hand()
    properties = {"Run widget replace on values": True}
    saved.node(20, "PrimitiveNode", ["a fox of %date:yyyy%, {one|one}"], properties=properties)
    saved.link(20, 0, 6, "text", "STRING")
    saved.link(20, 0, 7, "text", "STRING")
    made = imported(saved.json(), [read_catalogue(CLASSES)])
    assert made.fills["inputs"] == {name: {"text": ["replacements", DYNAMIC_PROMPT]} for name in ("6", "7")}
    data = made.data() | {"form": {"fields": []}, "inputs": {}}
    assert planned(data)[2:4] == ["a fox of 2026, one"] * 2
    properties["Run widget replace on values"] = False
    assert imported(saved.json(), [read_catalogue(CLASSES)]).fills["inputs"]["6"] == {"text": [DYNAMIC_PROMPT]}


def drawn_by_hand() -> Saved:
    saved = text_to_image()
    saved.nodes["5"]["properties"] = {"Node name for S&R": "Base"}
    saved.nodes["6"]["widgets_values"] = ["a {red|green} fox // c"]
    saved.nodes["9"]["widgets_values"] = ["%date:yyyy%_%Base.width%_%Bse.width%"]
    return saved
