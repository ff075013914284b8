"""Workflows of the type ``direct_job``."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.workflows.definitions import DIRECT, REFERENCE, changed, plan, workflow
from tests.workflows.graphs import OCCASION

from emprops.queue.messages import Requirements
from emprops.workflows import service
from emprops.workflows.kinds.base import FieldsError, PlannedWork
from emprops.workflows.kinds.registry import KINDS


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
