"""Requests that bring pictures in a form: they become assets, and the form the JSON that the endpoint takes."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from emprops.assets.endpoints import shelf_of
from emprops.assets.service import Wishes, keep_stream, too_large
from emprops.assets.uploads import AROUND, FORM, pieces_of
from emprops.auth.dependencies import current_user
from emprops.kit.web.endpoint import bounded, media_type_of, resources_of, with_document
from emprops.kit.web.spooling import patient
from emprops.kit.web.strict_json import Strictness, parse_json
from emprops.media.sniff import HEAD_BYTES, sniff
from emprops.openai_api import service
from emprops.openai_api.failures import ParameterError
from emprops.openai_api.inputs import PICTURE
from emprops.openai_api.schemas import MOST_IMAGES, ImageBody, VideoBody
from emprops.openai_api.service import Body
from emprops.orchestrator.endpoints.bodies import StartRoute
from emprops.settings import Settings

IMAGES: Final = ("image", "image[]")
LISTS: Final = ("image", "images")
"""Lists of pictures in JSON."""
SINGLE: Final = ("mask", "input_reference")
"""Parts of a form with one picture."""
SVG: Final = "image/svg+xml"
MAX_FIELDS: Final = 100
VARIABLE: Final = re.compile(r"variables\[([^\[\]]{1,100})\]")
"""How the official clients write a field of an object into a form."""


class PictureRoute(StartRoute):
    """A route that takes JSON, or a form with pictures."""

    shape: ClassVar[type[Body]] = ImageBody

    async def read(self, request: Request, settings: Settings) -> Request:
        """Read either. Only callers who are known may send pictures, and nothing is kept of a request that names no
        model, or asks it for what it does not take."""
        if media_type_of(request) != FORM:
            return await super().read(request, settings)
        resources = resources_of(request)
        user_id = await current_user(request)
        limited = bounded(patient(request, settings.body_timeout), settings.asset_bytes + AROUND, too_large(settings))
        async with limited.form(max_files=MOST_IMAGES + 1, max_fields=MAX_FIELDS) as form:
            document = _document(form)
            try:
                body = self.shape.model_validate(document)
            except ValidationError:
                return with_document(request, document)  # the endpoint says what is wrong
            parse_json(await with_document(request, document).body(), Strictness())
            async with resources.database.reader() as reader:
                await service.want(reader, settings, user_id, body)
            for name, files in _files(form).items():
                for file in files:
                    await _check_picture(name, file)
            for name, files in _files(form).items():
                kept = [
                    await keep_stream(shelf_of(resources), user_id, pieces_of(file), Wishes(file.filename or ""))
                    for file in files
                ]
                references = [f"asset:{one.asset.id}" for one in kept]
                document[name] = references[0] if name in SINGLE else references
        return with_document(request, document)

    @staticmethod
    def values_in(document: Any) -> Iterable[Any]:
        """Return the values of a body among which there may be pictures."""
        if not isinstance(document, dict):
            return ()
        listed = [one for name in LISTS if isinstance(document.get(name), list) for one in document[name]]
        objects = [one for one in [*listed, *map(document.get, SINGLE)] if isinstance(one, dict)]
        within = [value for one in objects for value in one.values()]
        return [*document.values(), *listed, *within, *StartRoute.values_in(document)]


class VideoRoute(PictureRoute):
    """The same for videos."""

    shape: ClassVar[type[Body]] = VideoBody


def _files(form: FormData) -> dict[str, list[UploadFile]]:
    found: dict[str, list[UploadFile]] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile) and name in (*IMAGES, *SINGLE):
            found.setdefault(name if name in SINGLE else IMAGES[0], []).append(value)
    return found


async def _check_picture(name: str, file: UploadFile) -> None:
    head = await file.read(HEAD_BYTES)
    await file.seek(0)
    kind = sniff(head)
    if head and (not kind.startswith(PICTURE) or kind == SVG):
        raise ParameterError(name, f"{name} must be a picture, such as a PNG, JPEG or WEBP file.")


def _document(form: FormData) -> dict[str, Any]:
    """Return the form as JSON, with something in the place of each picture."""
    document: dict[str, Any] = {}
    for name, value in form.multi_items():
        variable = VARIABLE.fullmatch(name)
        if not isinstance(value, str):
            continue
        if variable:
            document.setdefault("variables", {})[variable[1]] = value
        elif name.startswith(f"{SINGLE[1]}["):
            document[SINGLE[1]] = value
        elif name in IMAGES:
            document.setdefault(IMAGES[0], []).append(value)
        else:
            document[name] = value
    for name, files in _files(form).items():
        document[name] = name if name in SINGLE else [name for _ in files]
    return document
