"""Bodies of requests that start work: larger than others by the files within their variables."""

from typing import Any, ClassVar

from starlette.requests import Request

from emprops.connectors.encoded import is_data_url
from emprops.errors import TooLargeError
from emprops.kit.web.endpoint import StrictRoute, document_of
from emprops.settings import Settings


class StartRoute(StrictRoute):
    """A route whose variables may hold files as ``data:`` URLs, which count apart from the rest of the body."""

    max_body_bytes: ClassVar[int | None] = 24 * 1024 * 1024

    async def read(self, request: Request, settings: Settings) -> Request:
        """Read the JSON body; what is not within a file is limited as everywhere."""
        read = await super().read(request, settings)
        size = len(await read.body())
        if size > settings.max_body_bytes:
            size -= sum(map(len, _files_in(await document_of(read))))
        if size > settings.max_body_bytes:
            raise TooLargeError(f"The request body is larger than the {settings.max_body_bytes} bytes allowed here.")
        return read


def _files_in(document: Any) -> list[str]:
    variables = document.get("variables") if isinstance(document, dict) else None
    values = variables.values() if isinstance(variables, dict) else ()
    return [value for value in values if isinstance(value, str) and is_data_url(value)]
