"""Requests that bring a workflow within a file: a picture, video or sound that ComfyUI made, or what its editor saved.

The file is the body itself, with the other fields in the query, or one part of a form. Either becomes the JSON document
that the endpoint takes.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, BinaryIO, ClassVar

from starlette.datastructures import UploadFile
from starlette.requests import Request

from emprops.auth.dependencies import current_caller
from emprops.errors import BadRequestError, RequestTimeoutError, UnsupportedMediaTypeError
from emprops.kit.web.endpoint import StrictRoute, bounded, media_type_of, with_document
from emprops.kit.web.spooling import BUFFER, patient
from emprops.kit.web.strict_json import Strictness, parse_json
from emprops.settings import Settings
from emprops.workflows.embedded.find import JSON, KNOWN, Found, NoWorkflowError, find_workflow

FORM = "multipart/form-data"
FAMILIES = ("image/", "video/", "audio/")
BYTES = "application/octet-stream"
LISTS = frozenset({"models", "custom_nodes"})
JSON_FIELDS = frozenset({"data", "credits", "object_info"})
MAX_FIELDS = 50
LONGEST = 600.0
"""Seconds that a file may take to arrive altogether."""
GRAPHS = Strictness(max_nodes=200_000)
"""Graphs have many values, and files have each twice: as it was saved, and as it ran."""


class NoWorkflowInFileError(BadRequestError):
    """The file has no workflow in it."""

    code = "no_workflow_in_file"


class FileRoute(StrictRoute):
    """A route that takes a workflow as JSON, or within a file."""

    max_body_bytes: ClassVar[int | None] = 4 * 1024 * 1024
    strictness: ClassVar[Strictness | None] = GRAPHS

    async def read(self, request: Request, settings: Settings) -> Request:
        """Read either. Only callers who are known may send files."""
        kind = media_type_of(request)
        if kind not in (FORM, BYTES) and not kind.startswith(FAMILIES):
            try:
                return await super().read(request, settings)
            except UnsupportedMediaTypeError:
                raise UnsupportedMediaTypeError(
                    "Send the body as JSON, with the header 'Content-Type: application/json', or as a file that has a"
                    " workflow in it: by its own type, or in a form (multipart/form-data)."
                ) from None
        await current_caller(request)
        limited = bounded(patient(request, settings.body_timeout), settings.max_workflow_file_bytes)
        try:
            async with asyncio.timeout(LONGEST), (_in_form if kind == FORM else _alone)(limited) as (file, fields):
                found = await asyncio.to_thread(find_workflow, file)
        except NoWorkflowError as error:
            raise NoWorkflowInFileError(str(error)) from None
        except TimeoutError:
            raise RequestTimeoutError(f"The file did not arrive within {LONGEST:g} seconds.") from None
        sent = with_document(request, _document(found, _read_fields(fields), request.method))
        parse_json(await sent.body(), GRAPHS)
        return sent


def _read_fields(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in fields:
        if name in LISTS:
            read.setdefault(name, []).append(value)
        else:
            read[name] = parse_json(value.encode("utf-8", "replace"), GRAPHS) if name in JSON_FIELDS else value
    return read


def described(fields: Sequence[str], required: Sequence[str] = ()) -> dict[str, Any]:
    """Describe for OpenAPI how a file is sent in place of JSON: in a form with these fields.

    A file as the body itself, with the fields in the query, is for curl: clients would get each field twice.
    """
    file = {"type": "string", "format": "binary", "description": f"{KNOWN[:1].upper()}{KNOWN[1:]}."}
    properties = {"file": file, **{name: _schema_of(name) for name in fields}}
    form = {"type": "object", "properties": properties, "required": ["file", *required]}
    return {"requestBody": {"content": {FORM: {"schema": form}}}}


def _schema_of(name: str) -> dict[str, Any]:
    if name in LISTS:
        return {"type": "array", "items": {"type": "string"}}
    return {"type": "string"} | ({"contentMediaType": JSON} if name in JSON_FIELDS else {})


def _document(found: Found, fields: dict[str, Any], method: str) -> dict[str, Any]:
    """Write the JSON that means the same. What is not sent of a new workflow follows from the file."""
    more = fields.pop("data", {})
    if not isinstance(more, dict):
        raise BadRequestError("data must be a JSON object: members of the workflow's data other than the graph.")
    usual = {"label": fields.get("name", ""), "description": ""} if method == "POST" else {}
    if method == "POST" and found.mime_type != JSON:
        usual["output_mime_type"] = found.mime_type
    return usual | fields | {"data": more | found.data()} | found.data()


@asynccontextmanager
async def _in_form(request: Request) -> AsyncIterator[tuple[BinaryIO, list[tuple[str, str]]]]:
    async with request.form(max_files=1, max_fields=MAX_FIELDS) as form:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise BadRequestError(f"The form has no file: send {KNOWN}, in a part with a file name.")
        yield files[0].file, [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


@asynccontextmanager
async def _alone(request: Request) -> AsyncIterator[tuple[BinaryIO, list[tuple[str, str]]]]:
    with tempfile.SpooledTemporaryFile(max_size=BUFFER) as file:
        buffer = bytearray()
        async for chunk in request.stream():
            buffer += chunk
            if len(buffer) >= BUFFER:
                await asyncio.to_thread(file.write, bytes(buffer))
                buffer.clear()
        file.write(buffer)
        file.seek(0)
        yield file, request.query_params.multi_items()  # type: ignore[misc]  # it has what is asked of a BinaryIO
