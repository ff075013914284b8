"""A file in the body of a request: the body itself, with its fields in the query, or one part of a form."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from starlette.datastructures import UploadFile
from starlette.requests import Request

from emprops.assets.service import Incoming, Wishes, arriving, too_large
from emprops.errors import BadRequestError
from emprops.kit.web.endpoint import bounded, media_type_of
from emprops.kit.web.spooling import BUFFER, patient
from emprops.settings import Settings

FORM = "multipart/form-data"
MAX_FIELDS = 10
AROUND = 1_000_000
"""Bytes that a form may have in addition to its file."""
LONGEST_LIFE = 10 * 366 * 86_400
"""Seconds that may be asked for."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What may be said of a file."""

    name: str = Field(default="", max_length=1000)
    keep_metadata: bool = False
    expires_in: float | None = Field(default=None, gt=0, le=LONGEST_LIFE)


_FIELDS = TypeAdapter(Fields)
Said = TypeVar("Said")


def wishes_of(said: Mapping[str, str], name: str) -> Wishes:
    """Read what is said of a file that comes with this name. Raises :class:`BadRequestError`."""
    try:
        fields = _FIELDS.validate_python({name: said[name] for name in said.keys() & Fields.__annotations__.keys()})
    except ValidationError as error:
        problem = error.errors()[0]
        raise BadRequestError(f"{problem['loc'][0]}: {problem['msg']}") from None
    return Wishes(last_part(fields.name or name), fields.keep_metadata, fields.expires_in)


def last_part(path: str) -> str:
    """Return the name of a file that may come with its folders."""
    return path.replace("\\", "/").rpartition("/")[2].strip()


@asynccontextmanager
async def upload_of(
    request: Request, settings: Settings, read: Callable[[Mapping[str, str], str], Said]
) -> AsyncIterator[tuple[Incoming, Said]]:
    """Take the file of a request in, and lend it with what is said of it, as ``read`` reads that from the fields and
    the file's name.

    Raises :class:`BadRequestError` for a form without a file, what ``read`` raises, and what arriving raises.
    """
    waiting = patient(request, settings.body_timeout)
    if media_type_of(request) != FORM:
        async with arriving(settings, bounded(waiting, settings.asset_bytes, too_large(settings)).stream()) as incoming:
            yield incoming, read(dict(request.query_params), "")
        return
    limited = bounded(waiting, settings.asset_bytes + AROUND, too_large(settings))
    async with limited.form(max_files=MAX_FIELDS, max_fields=MAX_FIELDS) as form:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise BadRequestError("The form has no file: send one in a part with a file name.")
        if len(files) > 1:
            raise BadRequestError(f"The form has {len(files)} files: send each in a request of its own.")
        said = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        about = read({**request.query_params, **said}, files[0].filename or "")
        async with arriving(settings, pieces_of(files[0])) as incoming:
            yield incoming, about


async def pieces_of(file: UploadFile) -> AsyncIterator[bytes]:
    """Read a part of a form."""
    while piece := await file.read(BUFFER):
        yield piece
