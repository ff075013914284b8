"""Bodies of requests that start work: larger than others by the files within their variables."""

from collections.abc import Iterable
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
            size -= sum(map(len, filter(_is_file, self.values_in(await document_of(read)))))
        if size > settings.max_body_bytes:
            raise TooLargeError(f"The request body is larger than the {settings.max_body_bytes} bytes allowed here.")
        return read

    @staticmethod
    def values_in(document: Any) -> Iterable[Any]:
        """Return the values of a body among which there may be files."""
        variables = document.get("variables") if isinstance(document, dict) else None
        return variables.values() if isinstance(variables, dict) else ()


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and is_data_url(value)
