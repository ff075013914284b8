"""Simple collections: generated from, to the ticket in Redis."""

import copy
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis.asyncio
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from tests.collections.conftest import Planned, User
from tests.collections.simple import BODY, HOSTILE, PATH
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
        subject = {"title": "subject", "type": ["string", "number", "boolean"], "x-emprops-input": "any"}
        assert form["properties"] == {"subject": subject | {"x-emprops-order": 0}}

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
