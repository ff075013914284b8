"""The types of workflows: what is a valid definition, and what is planned from it."""

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
from tests.workflows.definitions import BASIC, COMFY, DIRECT, DYNAMIC, FETCH, REFERENCE, VALID, changed, plan, workflow
from tests.workflows.graphs import OCCASION

from emprops.kit.database import Database, Transaction
from emprops.workflows import service, store
from emprops.workflows.kinds.base import FieldsError, HeldValue, PlannedWork
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.references import MixedText


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
            "workflow": work.payload["workflow"],
        }

    @pytest.mark.parametrize(
        "path", [".workflow", ".workflow.name", ".workflow.roles", ".body.workflow", ".api.workflow"]
    )
    def test_only_the_api_says_which_workflow_it_is_and_whose(self, path: str) -> None:
        forged = {"id": "x", "name": "film", "roles": ["service"]}
        data = changed(FETCH, lambda d: d["inputs"][0].update(pathJq=path)) | {"workflow": forged}
        data["api"] = data["api"] | {"workflow": forged}
        data["body"] = data["body"] | {"workflow": forged}
        mine = workflow("fetch_api", data, user_id=uuid4(), owner_roles=("author",))
        work = KINDS["fetch_api"].plan(mine, {"promptText": "x"}, OCCASION)
        assert isinstance(work, PlannedWork)
        assert work.payload["workflow"] == {"id": str(mine.id), "name": "w", "roles": ["author"]}
        operators = workflow("fetch_api", data, user_id=uuid4(), owner_roles=("operator",))
        work = KINDS["fetch_api"].plan(operators, {"promptText": "x"}, OCCASION)
        assert isinstance(work, PlannedWork)
        assert {*work.payload["workflow"]["roles"]} == {"operator", "author", "viewer"}
        of_a_service = KINDS["fetch_api"].plan(workflow("fetch_api", data), {"promptText": "x"}, OCCASION)
        assert isinstance(of_a_service, PlannedWork)
        assert of_a_service.payload["workflow"]["roles"] == ["service"]

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
            assert await store.existing(tx, refs) == set(refs[:3])


async def _insert_workflow(tx: Transaction, name: str) -> UUID:
    key = uuid4()
    await tx.execute(
        """INSERT INTO workflow (id, name, label, type, data, output_mime_type)
           VALUES (%s, %s, 'W', 'direct_job', %s, 'image/png')""",
        (key, name, Jsonb(DIRECT)),
    )
    return key
