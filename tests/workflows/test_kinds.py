import copy
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from tests.workflows.graphs import OCCASION

from emprops.kit.database import Database, Transaction
from emprops.queue.messages import Requirements
from emprops.workflows import service, store
from emprops.workflows.kinds.base import FieldsError, HeldValue, PlannedWork
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.references import MixedText, Reference
from emprops.workflows.store import Workflow

DIRECT: dict[str, Any] = {
    "form": {
        "fields": [
            {"id": "prompt", "type": "prompt_editor", "required": True},
            {"id": "image", "type": "image_loader"},
            {"id": "size", "type": "slider", "default": 512, "constraints": {"min": 64, "max": 2048, "step": 1}},
        ]
    },
    "inputs": [
        {"id": "prompt", "pathJq": ".messages[0].content", "is_required": True},
        {"id": "image", "pathJq": ".payload.source.image[0].url"},
        {"id": "size", "pathJq": ".payload.size"},
    ],
    "job": {"service_required": "openai_image", "payload": {"model": "m", "messages": [{"role": "user"}]}},
}
DYNAMIC: dict[str, Any] = {
    "template": {"messages": [{"role": "user", "content": "Draw {{thing}} {{n}} times"}], "n": "{{n}}", "s": "{{s}}"},
    "variable_types": {
        "thing": {"type": "text", "required": True},
        "n": {"type": "number", "default": 1, "min": 1, "max": 4},
        "s": "checkbox",
    },
    "job_type": "openai_chat",
}
COMFY: dict[str, Any] = {
    "form": {"fields": [{"id": "text", "type": "prompt_editor"}, {"id": "seed", "type": "number"}]},
    "inputs": {
        "6": {"text": {"value": "text", "is_required": True}},
        "3": {"seed": {"value": "seed", "default": 7, "is_required": True}},
    },
    "workflow": {
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["6", 0]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}},
    },
}
FETCH: dict[str, Any] = {
    "form": {"fields": [{"id": "promptText", "type": "prompt_editor"}]},
    "inputs": [{"id": "promptText", "pathJq": ".promptText", "is_required": True}],
    "api": {
        "url": "https://api.example.com/v1/video",
        "method": "POST",
        "headers": {"Authorization": "Bearer {{VIDEO_API_KEY}}"},
        "fetchType": "wait",
        "wait": {"outputExprJq": ".output[0]"},
    },
    "body": {"model": "gen4"},
}
BASIC: dict[str, Any] = {"form": {"fields": [{"id": "text", "type": "prompt_editor"}]}}
VALID = {
    "direct_job": DIRECT, "dynamic_json": DYNAMIC, "comfy_workflow": COMFY, "fetch_api": FETCH, "basic": BASIC,
}  # fmt: skip
REFERENCE = Reference(UUID(int=1))


def workflow(kind: str, data: Any, **more: Any) -> Workflow:
    return Workflow(uuid4(), "w", "W", kind, data, "image/png", **more)


def plan(kind: str, fields: dict[str, Any], data: Any = None) -> PlannedWork:
    work = KINDS[kind].plan(workflow(kind, VALID[kind] if data is None else data), fields, OCCASION)
    assert isinstance(work, PlannedWork)
    return work


def changed(data: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    result = copy.deepcopy(data)
    change(result)
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_definition_has_no_problems_and_is_never_changed(kind: str) -> None:
    before = copy.deepcopy(VALID[kind])
    assert service.check(kind, VALID[kind]) == []
    KINDS[kind].plan(
        workflow(kind, VALID[kind]),
        {"prompt": "a", "thing": "a", "text": "a", "promptText": "a", "image": REFERENCE},
        OCCASION,
    )
    assert VALID[kind] == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [None, [], {}, "x", {"form": 1, "inputs": 2, "job": 3, "workflow": 4, "api": 5}])
def test_junk_has_problems(kind: str, data: Any) -> None:
    problems = service.check(kind, data)
    assert problems
    assert all(isinstance(problem, str) for problem in problems)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_a_damaged_definition_is_reported_or_can_be_planned(kind: str, data: st.DataObject) -> None:
    definition = copy.deepcopy(VALID[kind])
    node: Any = definition
    while True:  # walk to some place and put anything there
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(node[key], (dict, list)) and node[key] and data.draw(st.booleans()):
            node = node[key]
            continue
        node[key] = data.draw(JSON)
        break
    if service.check(kind, definition) == []:
        fields = dict.fromkeys(KINDS[kind].form(definition).fields, "1")
        with suppress(FieldsError):
            KINDS[kind].plan(workflow(kind, definition), fields, OCCASION)


def test_unknown_type() -> None:
    assert service.check("magic", {}) == [
        "type must be one of basic, comfy_workflow, fetch_api, direct_job, dynamic_json, not 'magic'"
    ]


class TestDirectJob:
    def test_places_fields(self) -> None:
        work = plan("direct_job", {"prompt": "a fox", "image": "https://x/y.png"})
        assert work.job_type == "openai_image"
        assert work.payload == {
            "model": "m",
            "messages": [{"role": "user", "content": "a fox"}],
            "source": {"image": [{"url": "https://x/y.png"}]},
            "size": 512,
        }

    def test_requirements_and_mime_type_come_from_the_workflow(self) -> None:
        work = KINDS["direct_job"].plan(
            workflow("direct_job", DIRECT, models=("b", "a"), custom_nodes=("n",)), {"prompt": "x"}, OCCASION
        )
        assert isinstance(work, PlannedWork)
        assert work.requirements == Requirements(models=("a", "b"), custom_nodes=("n",))
        assert work.output_mime_type == "image/png"

    def test_names_every_wrong_field(self) -> None:
        with pytest.raises(FieldsError) as caught:
            plan("direct_job", {"size": 9999, "image": 5})
        assert caught.value.problems == {
            "prompt": "is required",
            "image": "must be the URL of a file, of at most 4096 characters",
            "size": "must be a number from 64 to 2048, not 9999",
        }

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda d: d["inputs"].append({"id": "x", "pathJq": ".x"}), "input 4 needs the id of a form field"),
            (lambda d: d["inputs"][0].update(pathJq="prompt"), "input prompt: pathJq must be a path"),
            (lambda d: d["inputs"][0].update(pathJq=".model.name"), "input prompt: there is no key name in a text"),
            (lambda d: d["job"].update(service_required=""), "job.service_required must be a job type"),
            (lambda d: d["job"].update(service_required="fetch_api"), "must not be fetch_api"),
            (lambda d: d["job"].update(payload=[]), "payload object"),
            (lambda d: d["form"]["fields"][0].update(type="x"), "unknown type"),
        ],
    )
    def test_names_faults(self, change: Callable[[dict[str, Any]], object], message: str) -> None:
        assert message in service.check("direct_job", changed(DIRECT, change))[0]

    def test_a_field_may_be_the_job_type_and_the_payload(self) -> None:
        data = {
            "form": {
                "fields": [
                    {"id": "job_type", "type": "input"},
                    {"id": "payload", "type": "json"},
                    {"id": "n", "type": "number"},
                ]
            },
            "inputs": [
                {"id": "job_type", "pathJq": ".service_required"},
                {"id": "payload", "pathJq": ".payload"},
                {"id": "n", "pathJq": ".n"},
            ],
            "job": {},
        }  # fmt: skip
        assert service.check("direct_job", data) == []
        given = {"a": {"b": REFERENCE}}
        work = plan("direct_job", {"job_type": "openai_chat", "payload": given, "n": 3}, data)
        assert (work.job_type, work.payload) == ("openai_chat", {"a": {"b": REFERENCE}, "n": 3})
        assert given == {"a": {"b": REFERENCE}}
        for wrong, field in (
            ({"job_type": "fetch_api", "payload": {}}, "job_type"),
            ({"job_type": "comfyui", "payload": {}}, "job_type"),
            ({"job_type": "a b", "payload": {}}, "job_type"),
            ({"payload": {}}, "job_type"),
            ({"job_type": "x", "payload": [1]}, "payload"),
            ({"job_type": "x", "payload": [1], "n": 1}, "n"),
        ):
            with pytest.raises(FieldsError) as caught:
                plan("direct_job", wrong, data)
            assert list(caught.value.problems) == [field]


class TestDynamicJson:
    def test_fills_the_template(self) -> None:
        work = plan("dynamic_json", {"thing": "a {{n}} fox", "n": 2})
        assert work.job_type == "openai_chat"
        assert work.payload == {
            "messages": [{"role": "user", "content": "Draw a {{n}} fox 2 times"}], "n": 2, "s": None,
        }  # fmt: skip

    def test_a_reference_stands_within_text(self) -> None:
        work = plan("dynamic_json", {"thing": REFERENCE})
        within = replace(REFERENCE, into="text")
        assert work.payload["messages"][0]["content"] == MixedText(("Draw ", within, " 1 times"))

    @pytest.mark.parametrize("types", [{"variable_types": {"n": "number"}}, {"variable_types": None}, {}])
    def test_a_placeholder_without_a_type_is_a_text(self, types: dict[str, Any]) -> None:
        data = {key: value for key, value in DYNAMIC.items() if key != "variable_types"} | types
        assert service.check("dynamic_json", data) == []
        form = KINDS["dynamic_json"].form(data)
        assert form.fields.keys() == {"thing", "n", "s"}
        assert form.fields["thing"].taking == form.fields["s"].taking == "text"

    def test_names_faults(self) -> None:
        assert service.check("dynamic_json", DYNAMIC | {"template": "{{n}}"}) == ["template must be a JSON object"]
        assert service.check("dynamic_json", DYNAMIC | {"variable_types": ["thing"]}) == [
            "variable_types must be an object: a type per variable"
        ]
        assert "must not be comfyui" in service.check("dynamic_json", DYNAMIC | {"job_type": "comfyui"})[0]


class TestComfyWorkflow:
    def test_sets_inputs_of_nodes(self) -> None:
        work = plan("comfy_workflow", {"text": "a fox"})
        assert work.job_type == "comfyui"
        assert work.payload == {
            "workflow": {
                "3": {"class_type": "KSampler", "inputs": {"seed": 7, "positive": ["6", 0]}},
                "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox"}},
            }
        }

    @pytest.mark.parametrize("allowed", [True, False, None])
    def test_the_payload_says_whether_a_part_is_wanted(self, allowed: bool | None) -> None:
        data = COMFY | ({} if allowed is None else {"allow_partial": allowed})
        assert service.check("comfy_workflow", data) == []
        payload = plan("comfy_workflow", {"text": "a fox"}, data).payload
        assert payload.get("allow_partial", False) is (allowed is True)

    def test_a_required_input_without_a_value(self) -> None:
        with pytest.raises(FieldsError, match="text is required"):
            plan("comfy_workflow", {})

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda d: d.update(workflow={"nodes": [], "links": []}), "export it in API format"),
            (lambda d: d["workflow"].update({"9": {"inputs": {}}}), "node 9 of the graph needs class_type"),
            (lambda d: d["workflow"].pop("6"), "input positive of node 3 comes from node 6, which the graph does not"),
            (lambda d: d["inputs"].update({"9": {}}), "inputs name node 9, which the graph does not have"),
            (lambda d: d["inputs"]["6"]["text"].update(value="x"), "input text of node 6 needs the id of a form field"),
            (lambda d: d.update(allow_partial="yes"), "allow_partial must be true or false"),
        ],
    )
    def test_names_faults(self, change: Callable[[dict[str, Any]], object], message: str) -> None:
        assert message in service.check("comfy_workflow", changed(COMFY, change))[0]


class TestFetchApi:
    def test_secrets_stay_names_and_values_reach_the_body_only(self) -> None:
        work = plan("fetch_api", {"promptText": "{{VIDEO_API_KEY}}"})
        assert work.job_type == "fetch_api"
        assert work.payload == {
            "api": FETCH["api"],
            "body": {"model": "gen4", "promptText": "{{VIDEO_API_KEY}}"},
            "output_mime_type": "image/png",
        }

    def test_an_input_cannot_leave_the_body(self) -> None:
        data = changed(FETCH, lambda d: d["inputs"][0].update(pathJq=".api.url"))
        assert plan("fetch_api", {"promptText": "x"}, data).payload["api"] == FETCH["api"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda d: d["api"].update(url="ftp://x"), "api.url"),
            (lambda d: d["api"].update(method="DELETE"), "api.method"),
            (lambda d: d["api"].update(headers={"a": 1}), "api.headers"),
            (lambda d: d["api"].update(fetchType="polling"), "api.polling must be an object"),
            (lambda d: d["api"].pop("fetchType"), "api.fetchType"),
        ],
    )
    def test_names_faults(self, change: Callable[[dict[str, Any]], object], message: str) -> None:
        assert message in service.check("fetch_api", changed(FETCH, change))[0]


def test_basic_holds_its_value() -> None:
    assert KINDS["basic"].plan(workflow("basic", BASIC), {"text": "a"}, OCCASION) == HeldValue("a")
    assert KINDS["basic"].plan(workflow("basic", BASIC), {}, OCCASION) == HeldValue("")


class TestStore:
    async def test_by_names_links_models_and_nodes(self, database: Database) -> None:
        async with database.transaction() as tx:
            for name in ("first", "second"):
                await _insert_workflow(tx, name)
            for table, names in (("model", ("b.ckpt", "a.ckpt")), ("custom_node", ("KJNodes",))):
                for name in names:
                    await tx.execute(f"INSERT INTO {table} (id, name) VALUES (%s, %s)", (uuid4(), name))
                await tx.execute(
                    f"""INSERT INTO workflow_{table} (workflow_id, {table}_id)
                        SELECT w.id, t.id FROM workflow w, {table} t WHERE w.name = 'first'"""
                )
        async with database.reader() as tx:
            found = await store.by_names(tx, {"first", "second", "third", "nul\x00"})
        assert found.keys() == {"first", "second"}
        assert (found["first"].models, found["first"].custom_nodes) == (("a.ckpt", "b.ckpt"), ("KJNodes",))
        assert (found["second"].models, found["second"].data) == ((), DIRECT)

    async def test_exists_by_id_or_name(self, database: Database) -> None:
        async with database.transaction() as tx:
            key = await _insert_workflow(tx, "first")
            refs = ("first", str(key), str(key).upper(), "second", str(uuid4()), "nul\x00")
            assert [await store.exists(tx, ref) for ref in refs] == [True, True, True, False, False, False]


async def _insert_workflow(tx: Transaction, name: str) -> UUID:
    key = uuid4()
    await tx.execute(
        """INSERT INTO workflow (id, name, label, type, data, output_mime_type)
           VALUES (%s, %s, 'W', 'direct_job', %s, 'image/png')""",
        (key, name, Jsonb(DIRECT)),
    )
    return key
