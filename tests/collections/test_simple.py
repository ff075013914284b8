"""Simple collections: made, and refused."""

import asyncio
import json
from typing import Any

import pytest
from tests.collections.conftest import User
from tests.collections.simple import BODY, DETAILS, PATH
from tests.factories import make_social_link

from emprops.collections.simple import SimpleVariable, instruction_set
from emprops.errors import BadRequestError
from emprops.kit.database import Database
from emprops.kit.ids import new_id


def changed(**details: Any) -> dict[str, Any]:
    return BODY | {"collection_details": DETAILS | details}


FULL: dict[str, Any] = {
    "collection_details": DETAILS
    | {
        "blockchain": "base",
        "price": "0.5",
        "editions": "100",
        "cover_image_url": "https://example.com/cover.png",
        "miniapp_user_id": "mini-1",
        "miniapp_cover_image": "https://example.com/mini.png",
        "cast_hash": "0xabc",
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
    "template_json": {"prompt": "{{style}} of {{subject}}", "n": 1},
}
"""A request with every field but the project."""


def as_documented(collection_id: str, link_id: str) -> dict[str, Any]:
    """The answer to ``FULL``."""
    subject, style = FULL["variables"]
    sent = {"is_selectable": None, "options": [], "lock_value": False, "test_value": None, "value_type": "strings"}
    picked = {"display_names": ["oil", "ink"], "values": ["oil", "ink"], "weights": [1, 1]}
    return {
        "id": collection_id,
        "title": "Portraits",
        "description": "A portrait of anything",
        "blockchain": "base",
        "price": 0.5,
        "editions": 100,
        "status": "draft",
        "is_custodial": True,
        "custodied_for": link_id,
        "social_link": {
            "id": link_id,
            "social_org": "farcaster",
            "social_identifier": "vitalik",
            "miniapp_user_id": "mini-1",
        },
        "variables": [
            sent | subject | {"type": "any", "value": None},
            sent | style | {"type": "pick", "value": picked},
        ],
        "component": {"type": "dynamic_json", "job_type": "stability_api", "template": FULL["template_json"]},
    }


class TestCreating:
    async def test_the_documented_request_and_response(self, user: User, database: Database) -> None:
        project = await user.post("/projects", {"name": "P"}, status=201)
        body = FULL | {"collection_details": FULL["collection_details"] | {"project_id": project["id"]}}
        made = await user.post(PATH, body, status=201)
        assert made == as_documented(made["id"], made["social_link"]["id"])
        collection = await user.get(f"/collections/{made['id']}")
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
