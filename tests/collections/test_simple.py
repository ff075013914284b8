"""Simple collections, from the request to the ticket in Redis."""

import asyncio
import copy
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis.asyncio
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from tests.collections.conftest import Planned, User
from tests.factories import make_social_link
from tests.queue.helpers import Worker

from emprops.collections import chance, instructions, variables
from emprops.collections.simple import WORKFLOW, SimpleVariable, definition, instruction_set
from emprops.collections.store import Collection
from emprops.errors import BadRequestError, InvalidVariablesError
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.orchestrator.start.plan import make_plan
from emprops.queue.matching import Offer
from emprops.workflows import store as workflows
from emprops.workflows.store import Workflow
from emprops.workflows.templates import parse

PATH = "/api/workflows/create-simple-collection"
DETAILS = {
    "title": "Portraits",
    "description": "A portrait of anything",
    "social_org": "farcaster",
    "social_identifier": "vitalik",
}
BODY: dict[str, Any] = {
    "collection_details": DETAILS,
    "variables": [{"name": "subject", "template_mapping": "subject"}],
    "job_type": "openai_chat",
    "template_json": {"messages": [{"role": "user", "content": "Draw {{subject}}."}]},
}
HOSTILE = [
    '"}], "model": "stolen", "x": [{"y": "',
    "{{other}}",
    "{{subject}}",
    "{{{{subject}}}}",
    "}} {{",
    "\\",
    '\\"',
    "\\u0022\\n",
    "'; DROP TABLE job; --",
    '{"$ref": 1}',
    '[{"type":"paragraph","children":[{"type":"ref","step":1}]}]',
    "$text",
    "line\nline\r\n\ttab",
    "{% x %}${y}<z>",
    "\u202e𝔘🦊",
    "x" * 60_000,
]


def changed(**details: Any) -> dict[str, Any]:
    return BODY | {"collection_details": DETAILS | details}


class TestCreating:
    async def test_the_spec_s_request_and_response(self, user: User, database: Database) -> None:
        template = {"prompt": "{{style}} of {{subject}}", "n": 1}
        project = await user.post("/projects", {"name": "P"}, status=201)
        body = {
            "collection_details": DETAILS
            | {
                "blockchain": "base",
                "price": "0.5",
                "editions": "100",
                "cover_image_url": "https://example.com/cover.png",
                "miniapp_user_id": "mini-1",
                "miniapp_cover_image": "https://example.com/mini.png",
                "cast_hash": "0xabc",
                "project_id": project["id"],
            },
            "variables": [
                {"name": "subject", "template_mapping": "subject", "is_customizable": True},
                {
                    "name": "style",
                    "template_mapping": "style",
                    "options": ["oil", "ink"],
                    "is_selectable": True,
                    "is_customizable": False,
                },
            ],
            "job_type": "stability_api",
            "template_json": template,
        }
        made = await user.post(PATH, body, status=201)
        collection_id, link = made["id"], made["social_link"]
        sent = {"is_selectable": None, "options": [], "lock_value": False, "test_value": None, "value_type": "strings"}
        assert made == {
            "id": collection_id,
            "title": "Portraits",
            "description": "A portrait of anything",
            "blockchain": "base",
            "price": 0.5,
            "editions": 100,
            "status": "draft",
            "is_custodial": True,
            "custodied_for": link["id"],
            "social_link": {
                "id": link["id"],
                "social_org": "farcaster",
                "social_identifier": "vitalik",
                "miniapp_user_id": "mini-1",
            },
            "variables": [
                sent | body["variables"][0] | {"type": "any", "value": None},  # type: ignore[index]
                sent
                | body["variables"][1]  # type: ignore[index]
                | {
                    "type": "pick",
                    "value": {"display_names": ["oil", "ink"], "values": ["oil", "ink"], "weights": [1, 1]},
                },
            ],
            "component": {"type": "dynamic_json", "job_type": "stability_api", "template": template},
        }
        collection = await user.get(f"/collections/{collection_id}")
        assert (collection["project_id"], collection["cast_hash"]) == (project["id"], "0xabc")
        assert collection["miniapp_cover_image"] == "https://example.com/mini.png"
        async with database.reader() as reader:
            kind = await reader.fetch_value("SELECT type FROM workflow WHERE name = 'flexible_prompt'")
        assert kind == "direct_job"

    async def test_the_step_is_flexible_prompt_with_embedded_references(self, user: User) -> None:
        made = await user.post(PATH, BODY, status=201)
        (step,) = (await user.get(f"/collections/{made['id']}"))["data"]["steps"]
        assert (step["nodeName"], step["nodePayload"]["job_type"]) == ("flexible_prompt", "openai_chat")
        (message,) = step["nodePayload"]["payload"]["messages"]
        assert message["role"] == "user"
        assert json.loads(message["content"]) == [
            {
                "type": "paragraph",
                "children": [
                    {"text": "Draw "},
                    {"type": "variable", "name": "subject", "children": [{"text": ""}]},
                    {"text": "."},
                ],
            }
        ]

    async def test_what_is_left_out(self, user: User) -> None:
        made = await user.post(PATH, BODY | {"variables": [], "template_json": {}, "more": 1}, status=201)
        assert (made["blockchain"], made["price"], made["editions"]) == ("tezos", 0, 1)
        assert (type(made["price"]), type(made["editions"])) == (int, int)
        assert (made["variables"], made["social_link"]["miniapp_user_id"]) == ([], None)
        (project,) = await user.get("/projects")
        assert project["is_default"] is True
        assert (await user.get(f"/collections/{made['id']}"))["project_id"] == project["id"]

    async def test_the_social_link_is_found_or_made(self, user: User, other: User, database: Database) -> None:
        async with database.transaction() as tx:
            there = await make_social_link(tx, "vitalik")
        made = await asyncio.gather(
            *(
                who.post(PATH, changed(social_identifier=name), status=201)
                for who in (user, other)
                for name in ("vitalik", "new")
            )
        )
        links = [reply["social_link"]["id"] for reply in made]
        assert links[0] == links[2] == str(there)
        assert links[1] == links[3] != links[0]

    async def test_a_foreign_project(self, user: User, other: User, database: Database) -> None:
        project = await other.post("/projects", {"name": "P"}, status=201)
        for unknown in (project["id"], str(new_id())):
            assert (await user.post(PATH, changed(project_id=unknown), status=404))["error"] == "Project not found"
        async with database.reader() as reader:
            assert await reader.fetch_value("SELECT count(*) FROM social_link") == 0

    async def test_sent_twice_with_a_key(self, user: User) -> None:
        headers = user.headers | {"Idempotency-Key": "once"}
        replies = [await user.client.post(PATH, json=BODY, headers=headers) for _ in range(2)]
        assert replies[0].json() == replies[1].json()
        assert len(await user.get("/collections")) == 1


class TestRefusals:
    async def test_what_is_refused(self, user: User) -> None:
        wrong_details = [
            *(("title", ""), ("title", None), ("description", None), ("social_org", "discord"), ("social_org", None)),
            *(("social_identifier", " "), ("social_identifier", 7), ("blockchain", "ethereum"), ("price", "-1")),
            *(("price", "free"), ("price", "NaN"), ("editions", "1.5"), ("editions", -1), ("project_id", "x")),
            ("cover_image_url", "javascript:x"),
        ]
        cases = [(changed(**{name: value}), name) for name, value in wrong_details]
        cases += [({name: BODY[name] for name in BODY.keys() - {missing}}, missing) for missing in BODY]
        cases += [(BODY | {"template_json": bad}, "must be a JSON object") for bad in (None, [], "x", 5)]
        cases += [(BODY | {"job_type": bad}, "job_type") for bad in ("", "a b", "{{subject}}", "comfyui", "fetch_api")]
        cases += [(BODY | {"variables": [{"name": "subject"}]}, "template_mapping")]
        cases += [(BODY | {"variables": BODY["variables"] * 201}, "variables")]
        for body, named in cases:
            assert named in (await user.post(PATH, body, status=400))["error"], body
        assert await user.get("/collections") == []

    def refused(self, *pairs: tuple[str, str], template: Any = None) -> list[str]:
        variables = [SimpleVariable(name, mapping) for name, mapping in pairs]
        with pytest.raises(BadRequestError) as caught:
            instruction_set(variables, "openai_chat", {"a": "{{subject}}"} if template is None else template)
        problems = caught.value.extra["details"]["problems"]
        assert caught.value.message == f"The collection cannot be made: {'; '.join(problems)}."
        return list(problems)

    def test_a_placeholder_without_variable(self) -> None:
        problem = "template_json has {{subject}}, but no variable maps to it"
        assert self.refused() == [problem]
        assert self.refused(("tone", "tone"), template={"a": ["{{tone}} {{ subject }}"]}) == [problem]

    def test_a_variable_that_maps_to_nothing(self) -> None:
        subject = ("subject", "subject")
        for mapping, shown in (("tone", "{{tone}}"), ("{{tone}}", "{{tone}}"), ("a-b", "a-b"), ("", "")):
            assert self.refused(subject, ("tone", mapping)) == [
                f"variable tone maps to {shown}, which template_json does not contain"
            ]
        # keys are structure: nothing is filled into them
        assert (
            "variable tone maps to" in self.refused(subject, ("tone", "tone"), template={"{{tone}}": "{{subject}}"})[0]
        )

    def test_names(self) -> None:
        assert self.refused(("a", "subject"), ("b", "{{subject}}")) == ["variables a and b both map to {{subject}}"]
        template = {"a": "{{x}}{{y}}"}
        assert self.refused(("a", "x"), ("a", "y"), template=template) == ["two variables have the name a"]
        assert "needs a name" in self.refused(("my name", "subject"))[0]

    def test_every_fault_is_named(self) -> None:
        assert len(self.refused(("a b", "x"), ("c", "y"))) == 4

    def test_templates_that_cannot_be_kept(self) -> None:
        deep: Any = "{{subject}}"
        for _ in range(70):
            deep = {"a": deep}
        subject = ("subject", "subject")
        assert self.refused(subject, template=deep) == ["The template is nested deeper than 64 levels"]
        assert "nested deeper" in self.refused(subject, template=deep["a"]["a"]["a"]["a"]["a"]["a"]["a"])[0]
        assert self.refused(subject, template={"a": ["{{subject}}"] * 1001}) == [
            "The template has more than 1000 placeholders"
        ]
        for target in (1, "x", "{{subject}}", "#/{{subject}}", None):
            assert '"$ref"' in self.refused(subject, template={"b": "{{subject}}", "a": [{"$ref": target}]})[0]


class TestGenerating:
    async def test_hostile_values_reach_the_ticket_as_they_are(
        self, user: User, app: FastAPI, redis: redis.asyncio.Redis
    ) -> None:
        template = {
            "model": "gpt",
            "whole": "{{subject}}",
            "text": 'say "{{subject}}" \\ {{ tone }}',
            "deep": [{"list": ["{{tone}}", "plain", "", 5, None, True]}],
            "{{subject}}": {"schema": {"$ref": "#/defs/a"}, "looks": '[{"children": [{"type": "variable"}]}]'},
        }
        names = [{"name": "who", "template_mapping": "{{subject}}"}, {"name": "tone", "template_mapping": "tone"}]
        body = BODY | {"template_json": template, "variables": names}
        collection = (await user.post(PATH, body, status=201))["id"]
        worker = Worker(redis, offers={"openai_chat": Offer()})
        for value in HOSTILE:
            sent = {"variables": {"who": value, "tone": "{{who}}"}}
            job = (await user.post(f"/api/collections/{collection}/generate", sent))["jobId"]
            await app.state.dispatcher.flush()
            claim = await worker.claim_one()
            assert claim.ticket.job_type == "openai_chat"
            assert claim.ticket.workflow_context.workflow_id == job
            assert claim.ticket.payload == {
                "model": "gpt",
                "whole": value,
                "text": f'say "{value}" \\ {{{{who}}}}',
                "deep": [{"list": ["{{who}}", "plain", "", 5, None, True]}],
                "{{subject}}": template["{{subject}}"],
            }
            assert await worker.finish(claim)

    async def test_a_lone_placeholder_keeps_the_value_s_type(self, user: User, planned: Planned) -> None:
        template = {"n": "{{subject}}", "text": "n={{subject}}"}
        collection = (await user.post(PATH, BODY | {"template_json": template}, status=201))["id"]
        for value, text in ((5, "5"), (0.5, "0.5"), (True, "true"), ("5", "5"), ("", "")):
            (payload,) = await planned(user, collection, {"subject": value})
            assert payload == {"n": value, "text": f"n={text}"}
            assert type(payload["n"]) is type(value)
        for wrong in ({}, [1], None):
            reply = await user.post(
                f"/api/collections/{collection}/generate", {"variables": {"subject": wrong}}, status=400
            )
            assert reply["error"] == "Invalid variables"
            assert reply["details"].keys() == {"subject"}

    @pytest.mark.parametrize(
        ("flags", "left_out", "taken", "refused"),
        [
            ({}, {"oil", "ink"}, ["ink", "oil"], ["chalk", 5]),
            ({"is_selectable": True, "is_customizable": False}, {"oil", "ink"}, ["ink"], ["chalk"]),
            ({"is_customizable": True}, {"oil"}, ["chalk", "ink", 5], []),
            ({"is_selectable": False}, {"oil", "ink"}, [], ["ink", "chalk"]),
        ],
    )
    def test_options(self, flags: dict[str, bool], left_out: set[str], taken: list[Any], refused: list[Any]) -> None:
        style = SimpleVariable("style", "style", options=("oil", "ink"), **flags)
        definitions, problems = variables.parse([definition(style)])
        assert problems == []
        hashes = [chance.generation_hash("job", n) for n in range(50)]
        assert {variables.resolve(definitions, {}, one).values["style"] for one in hashes} == left_out
        for value in taken:
            assert variables.resolve(definitions, {"style": value}, hashes[0]).values == {"style": value}
        for value in refused:
            with pytest.raises(InvalidVariablesError):
                variables.resolve(definitions, {"style": value}, hashes[0])

    async def test_a_chosen_option_arrives(self, user: User, planned: Planned) -> None:
        style = {"name": "style", "template_mapping": "style", "options": ["oil", "ink"], "is_selectable": True}
        body = BODY | {"variables": [style], "template_json": {"style": "{{style}}"}}
        collection = (await user.post(PATH, body, status=201))["id"]
        assert await planned(user, collection, {"style": "ink"}) == [{"style": "ink"}]
        assert (await planned(user, collection, {}))[0]["style"] in ("oil", "ink")
        reply = await user.post(f"/api/collections/{collection}/generate", {"variables": {"style": "x"}}, status=400)
        assert reply["details"] == {"style": "must be one of oil, ink"}

    async def test_a_missing_value(self, user: User) -> None:
        collection = (await user.post(PATH, BODY, status=201))["id"]
        reply = await user.post(f"/api/collections/{collection}/generate", {"variables": {}}, status=400)
        assert reply["details"] == {"subject": "is required: a value"}
        form = await user.get(f"/collections/{collection}/form")
        assert form["required"] == ["subject"]
        assert form["properties"] == {"subject": {"title": "subject", "type": ["string", "number", "boolean"]}}

    async def test_others_generate_once_it_is_published(self, user: User, other: User, planned: Planned) -> None:
        collection = (await user.post(PATH, BODY, status=201))["id"]
        given = {"subject": "a fox"}
        await other.post(f"/api/collections/{collection}/generate", {"variables": given}, status=404)
        await user.post(f"/collections/{collection}/publish")
        assert await planned(other, collection, given) == [{"messages": [{"role": "user", "content": "Draw a fox."}]}]


RICH = '[{"children":[{"text":"x"}]}]'
PIECES = st.sampled_from([*("{{a}}", "{{ b }}", "{{", "}}", "{", "}", '"', "\\", "\n", "[", "a", " "), RICH, "{{a-b}}"])
TEXTS = st.lists(PIECES, max_size=5).map("".join)
TREES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.just("$ref"), inner, max_size=3),
    max_leaves=8,
)
VALUES = TEXTS | st.sampled_from([*HOSTILE[:-1], 5, 0.5, True])


@pytest.fixture
async def flexible(database: Database) -> Workflow:
    async with database.reader() as reader:
        return (await workflows.by_names(reader, [WORKFLOW]))[WORKFLOW]


@pytest.mark.usefixtures("database")
def test_whatever_the_template_and_the_values_the_payload_is_the_filled_template(flexible: Workflow) -> None:
    @given(st.dictionaries(TEXTS, TREES, max_size=3), VALUES, VALUES)
    def check(template: dict[str, Any], first: Any, second: Any) -> None:
        placeholders = sorted(parse(template).placeholders)
        before = copy.deepcopy(template)
        try:
            # the names are swapped, so that a placeholder filled twice, or by its own name, would show
            names = dict(zip(placeholders, reversed(placeholders), strict=True))
            made = instruction_set([SimpleVariable(names[one], one) for one in placeholders], "noop", template)
        except BadRequestError as error:
            assert '"$ref"' in error.message  # noqa: PT017 - one of two expected ends
            return
        assert template == before
        values = dict(zip(placeholders, (first, second), strict=False))
        given = {names[one]: value for one, value in values.items()}
        expected = parse(template).fill(values)
        (step,) = make_plan(
            collection=cast("Collection", SimpleNamespace(data=made)),
            workflows={WORKFLOW: flexible},
            variables=given,
            new_id=new_id,
        ).steps
        assert step.payload == expected
        assert (step.job_type, step.depends_on) == ("noop", ())
        assert instructions.check(made, {WORKFLOW}) == []
        assert variables.parse(made["variables"])[1] == []

    check()
