"""One request to an HTTP API: secrets put in, sent by the guarded client, its answer read or made an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from emprops.connectors.base import FinalError, RetryableError, too_large
from emprops.connectors.fetch_api.answers import Answer, FileAnswer, is_page, read_answer, text_of
from emprops.connectors.fetch_api.definition import Request
from emprops.connectors.fetch_api.secret_rules import NOBODY, User
from emprops.connectors.fetch_api.secrets import Secrets
from emprops.errors import AppError
from emprops.kit.outbound.answers import Response, Saving
from emprops.kit.outbound.client import BUSY, GuardedClient, OutboundUnavailableError, TooLargeAnswerError
from emprops.kit.outbound.retry_after import retry_after

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""For answers that are read into memory: JSON and texts."""
EXCERPT = 500
PART = 206
GONE = (404, 410)
"""What an API answers about work that it does not know, or not yet, or not any more."""
MEDIA = ("image/", "video/", "audio/", "application/octet-stream")


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer whose status means "not yet". ``retry_after``: seconds after which to ask again, if it says so."""

    retry_after: float | None = None


class ForgottenError(RetryableError):
    """The API does not know work that it had begun: asking for it may be of no use any more."""


class Caller:
    """Sends requests with secrets in them. Nothing it raises or returns has a secret in it."""

    def __init__(
        self,
        client: GuardedClient,
        secrets: Secrets,
        max_answer_bytes: int,
        max_file_bytes: int,
        user: User = NOBODY,
    ) -> None:
        self.client = client
        self.secrets = secrets
        self.max_answer_bytes = max_answer_bytes
        self.max_file_bytes = max_file_bytes
        self.user = user

    def on_behalf_of(self, user: User) -> "Caller":
        """Return a caller with the same means for a workflow, which decides what secrets it may use."""
        return Caller(self.client, self.secrets, self.max_answer_bytes, self.max_file_bytes, user)

    async def call(
        self,
        request: Request,
        body: Any,
        params: Mapping[str, str] | None = None,
        *,
        file: Path,
        wanted: str = "",
        polls: bool = False,
    ) -> Answer | FileAnswer | Pending:
        """Send a request; ``params`` fill the URL, and those that it does not name become its query.

        An answer that is a picture, video, sound or nameless bytes is written to ``file``. A web page is no answer
        unless it is what is ``wanted`` (a media type). ``polls``: this asks for work that was begun, so the API may
        have forgotten it (:class:`ForgottenError`). Raises :class:`RetryableError` if the API is away or busy and
        :class:`FinalError` for any other failure.
        """
        host = urlsplit(request.url).hostname or ""
        self.secrets.check_request(request, self.user, dict(params or {}))
        url = self._url(request, body, params or {})
        headers = {name: self.secrets.fill(value, request.url) for name, value in request.headers.items()}
        content = None
        if request.method != "GET" and body is not None:
            content = orjson.dumps(body)
            headers = {"Content-Type": "application/json"} | headers
        try:
            response = await self.client.request(
                request.method,
                url,
                headers={"Accept": "application/json"} | headers,
                content=content,
                max_bytes=self.max_answer_bytes,
                timeout=request.timeout,
                idle=request.timeout,
                saving=Saving(file, MEDIA, self.max_file_bytes),
            )
        except TooLargeAnswerError as error:
            if error.limit == self.max_file_bytes:
                raise too_large(f"The file of {host}", self.max_file_bytes) from None
            raise FinalError(f"The answer of {host} is larger than {error.limit} bytes.") from None
        except OutboundUnavailableError as error:
            raise RetryableError(self.secrets.hide(error.message), retry_after=error.wait) from None
        except AppError as error:
            raise FinalError(self.secrets.hide(error.message)) from None
        if response.status in request.pending:
            return Pending(retry_after(response.headers.get("retry-after")))
        self._check_status(request, response, host, polls=polls)
        return await read_answer(response, host, wanted, self.secrets)

    def _url(self, request: Request, body: Any, params: Mapping[str, str]) -> str:
        url = self.secrets.fill(request.url, request.url, params=params, quoted=True)
        query = {name: value for name, value in params.items() if f"{{{{{name}}}}}" not in request.url.replace(" ", "")}
        if request.method == "GET" and isinstance(body, dict):
            query |= {
                name: value if isinstance(value, str) else orjson.dumps(value).decode()
                for name, value in body.items()
                if value is not None
            }
        if not query:
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"

    def _check_status(self, request: Request, response: Response, host: str, *, polls: bool) -> None:
        status = response.status
        if status in request.success or (not request.success and 200 <= status < 300 and status != PART):
            return
        if status == PART:
            raise FinalError(f"{host} answered with a part of the result (206), although all of it was asked for.")
        said = text_of(response)
        # Nothing of a gateway's error page helps who reads the error. Secrets go first: half a one is still one.
        text = "" if is_page(said) else self.secrets.hide(said)[:EXCERPT]
        details = {"status": status, "answer": text}
        if status in BUSY:
            wait = retry_after(response.headers.get("retry-after"))
            raise RetryableError(f"{host} is busy or down: it answered {status}.", details=details, retry_after=wait)
        if polls and status in GONE:
            raise ForgottenError(f"{host} does not know the work that it had begun.", details=details)
        if status in (401, 403):
            raise FinalError(f"{host} refused the credentials of this workflow: it answered {status}.", details=details)
        raise FinalError(f"{host} refused the request: it answered {status}. {text}".strip(), details=details)
