"""Whatever fits the OpenAPI document, or just does not, is answered as the document says, and never with a 5xx."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from structlog.testing import capture_logs
from tests.apps import as_user, key_with, served
from tests.conformance import document
from tests.rules.callers import WORKER
from tests.rules.route_table import TABLE
from tests.rules.world import ASSET_KEY, FILE_KEY, World, make_world

from emprops.kit.database import Database
from emprops.kit.web.idempotency import HEADER
from emprops.kit.web.openapi_schemas import operations_of
from emprops.main import create_app
from emprops.samples import store as samples
from emprops.settings import Settings

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
SEED = 20_261_122
FUZZED = 5
"""Random requests per operation, besides those that try each limit of each parameter."""


@pytest.fixture
async def client(
    settings: Settings, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx2.AsyncClient]:
    """The whole api on loopback; its streams and waits are short, as those of jobs that nobody runs would not end."""
    folder = tmp_path_factory.mktemp("fuzz")
    quick = {"data_dir": folder, "upkeep_in_api": False, "stream_life": 0.2, "gateway_poll": 0.05, "wait_longest": 0.05}
    for key in (FILE_KEY, ASSET_KEY):
        stored = folder / "files" / key
        stored.parent.mkdir(parents=True)
        stored.write_bytes(b"\x89PNG\r\n\x1a\n")
    await samples.seed(database)
    app = create_app(settings.model_copy(update=quick))
    async with app.router.lifespan_context(app), served(app) as client:
        yield client


def config_for(url: str, world: World, service: dict[str, str], worker: dict[str, str]) -> SchemathesisConfig:
    known = {name: {"values": sorted({world.objects[one] for one in found})} for name, found in KNOWN.items()}
    names = {f"{where}.{name}" for name in known for where in ("path", "query", "body")}
    services = [
        f"{row.method} {prefix}{row.path}"
        for row in TABLE
        if row.who.service < 400 and (row.who.other == 401 or row.role in ("viewer", "operator"))
        for prefix in ("", "/api")
    ]
    workers = [f"{row.method} {prefix}{row.path}" for row in TABLE if row.who is WORKER for prefix in ("", "/api")]
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "base-url": url,
            "headers": as_user(world.owner),
            "workers": 1,
            "continue-on-failure": True,
            "request-timeout": 20,
            "cache": {"enabled": False},
            "dictionaries": known,
            "parameters": {name: {"dictionary": name.partition(".")[2], "probability": 0.6} for name in sorted(names)},
            "operations": [
                {"include-name": services, "headers": service},
                {"include-name": workers, "headers": worker},
            ],
            "generation": {
                "deterministic": True,
                "database": "none",
                "max-examples": FUZZED,
                "no-shrink": True,
                "with-security-parameters": False,
            },
            "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
            "phases": {
                "stateful": {"enabled": False},
                "coverage": {"unexpected-methods": [], "extra-data-sources": {"responses": False}},
                "fuzzing": {"extra-data-sources": {"responses": False}, "error-feedback": {"enabled": False}},
            },
        }
    )


KNOWN = {
    "collection_id": ("collection_id", "public_collection_id", "global_collection_id"),
    "project_id": ("project_id",),
    "job_id": ("done_job_id", "failed_job_id"),
    "deck_id": ("deck_id",),
    "output_id": ("output_id", "pending_output_id"),
    "name": ("name",),
    "key": ("key",),
    "webhook_id": ("webhook_id",),
    "event_id": ("event_id",),
    "step_id": ("dead_step_id",),
    "worker_id": ("live_worker", "paused_worker"),
    "prefix": ("key_prefix",),
    "user_id": ("owner",),
    "machine_id": ("machine_id", "paused_machine"),
}
"""Parameter → objects of the world that are tried in it, besides whatever comes to mind."""


def without_keys() -> dict[str, Any]:
    """The document without the parameter whose repetition is refused: few bodies would get past it."""
    copied = deepcopy(document())
    for operation in operations_of(copied):
        operation["parameters"] = [one for one in operation.get("parameters", ()) if one["name"] != HEADER]
    return copied


@dataclass
class Found:
    """What came of it."""

    answers: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """Operation → status → how often."""
    wrong: set[str] = field(default_factory=set)


def attack(config: SchemathesisConfig) -> Found:
    """Send everything there is to send."""
    found = Found()
    for event in from_schema(schemathesis.openapi.from_dict(without_keys(), config=config)).execute():
        if isinstance(event, events.ScenarioFinished):
            note(event, found)
        elif isinstance(event, events.NonFatalError):
            found.wrong.add(str(event.value))
        elif isinstance(event, events.FatalError):
            raise event.exception
    return found


def note(event: events.ScenarioFinished, found: Found) -> None:
    recorder = event.recorder
    for interaction in recorder.interactions.values():
        if interaction.response is not None:
            found.answers[recorder.label][interaction.response.status_code] += 1
    for checks in recorder.checks.values():
        for check in checks:
            if check.status == Status.FAILURE and check.failure_info is not None:
                failure = check.failure_info.failure
                sentence = f"{recorder.label}: {failure.title}: {failure.message}"
                found.wrong.add(f"{sentence}\n  {check.failure_info.code_sample}")


@pytest.mark.timeout(900)  # a minute of work for one fast core; slow and shared ones have taken more than five
async def test_every_answer_is_a_documented_one(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        world = await make_world(tx)
    service, worker = await key_with("service", database), await key_with("worker", database)
    config = config_for(str(client.base_url), world, service, worker)
    with capture_logs():
        found = await asyncio.to_thread(attack, config)
    assert not found.wrong, "\n".join([f"{len(found.wrong)} wrong answers", *sorted(found.wrong)[:40]])
    operations = {f"{method.upper()} {path}" for path, known in document()["paths"].items() for method in known}
    assert operations == found.answers.keys()
    succeeded = {name for name, statuses in found.answers.items() if min(statuses) < 400}
    assert len(succeeded) > 0.8 * len(operations), sorted(operations - succeeded)
