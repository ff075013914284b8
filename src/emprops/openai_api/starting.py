"""What starting pictures and starting videos have in common."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from fastapi import Request

from emprops.assets.endpoints import shelf_of
from emprops.auth.caller import Caller
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.kit.web.endpoint import Resources, note
from emprops.moderation.verdicts import Cleared
from emprops.openai_api import service
from emprops.openai_api.schemas import ImageBody, VideoBody
from emprops.openai_api.service import Wanted
from emprops.orchestrator.start.given import settled_files
from emprops.orchestrator.start.request import Ask, GenerationRequest
from emprops.orchestrator.start.together import Starts
from emprops.workflows.machines import Machines


@asynccontextmanager
async def wanted_of(resources: Resources, user_id: UUID, body: ImageBody | VideoBody) -> AsyncIterator[Wanted]:
    """Lend what a request asks for, with its files brought in or found; if starting it fails, those within JSON are not
    kept."""
    async with resources.database.reader() as reader:
        wanted = await service.want(reader, resources.settings, user_id, body)
    collection = str(wanted.collection_id)
    async with settled_files(
        shelf_of(resources), user_id, collection, wanted.variables, files=wanted.pictures
    ) as variables:
        yield replace(wanted, variables=variables)


async def start_wanted(
    starts: Starts,
    tx: Transaction,
    request: Request,
    caller: Caller,
    user_id: UUID,
    wanted: Wanted,
    *,
    cleared: Cleared,
    machines: Machines,
    about: Mapping[str, Any] | None = None,
) -> UUID:
    """Start the job in the request's transaction; returns its id. ``about``: what the job keeps in its data."""
    generation = GenerationRequest(
        variables=wanted.variables,
        generations=wanted.generations,
        key_id=caller.key_id,
        cleared=cleared,
        machines=machines,
        about=about or {},
    )
    started = await starts(Ask(user_id, str(wanted.collection_id), generation, new_id()), tx)
    note(request, job_id=str(started.job_id))
    return started.job_id
