"""How commands talk to a running api: where it is, who is calling, and one sentence when it says no."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx2
import orjson
import typer

from emprops.cli.events import read_events
from emprops.cli.exits import fail, one_sentence, warn_of_variables
from emprops.cli.variables import data_dir
from emprops.local.run import read_run

ServerOption = Annotated[str | None, typer.Option(help="Address of the api. Or set EMPROPS_URL.")]
UserOption = Annotated[str | None, typer.Option(help="User id to act as. Or set EMPROPS_USER_ID.")]

PATIENCE = 30.0
"""Seconds to wait for a reply."""
WHERE = {
    "jobs": "`emprops jobs` lists yours",
    "collections": "`emprops collections` lists yours, and with --public those of everybody",
    "webhooks": "`emprops webhooks list` lists yours",
    "assets": "`emprops assets list` lists yours",
}
"""Part of a path → where to look for what is there."""


class NoAnswerError(Exception):
    """The api did not do what it was asked for; the message is a sentence that says what to do."""


@dataclass(frozen=True)
class Server:
    """An api and the identity to use with it."""

    url: str
    headers: dict[str, str]

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Make a request and return the envelope's data; ends the command with one sentence on failure."""
        try:
            return self.ask(method, path, **options)
        except NoAnswerError as error:
            fail(str(error))

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Make a request and return the envelope's data. Raises :class:`NoAnswerError`."""
        try:
            with self._client(httpx2.Timeout(PATIENCE)) as client:
                response = client.request(method, self.url + path, **options)
        except httpx2.TimeoutException as error:
            raise NoAnswerError(f"{self.url} did not answer within {PATIENCE:g} seconds: try again.") from error
        except httpx2.HTTPError as error:
            raise NoAnswerError(
                f"{self.url} does not answer ({error}): start it with `emprops up`, or name it with --server."
            ) from error
        return self._unwrap(response)

    @contextmanager
    def events(self, path: str) -> Iterator[Iterator[tuple[str, Any]]]:
        """Open a server-sent event stream: ``(event name, decoded data)`` until it ends.

        Raises :class:`NoAnswerError` if it is refused, ``httpx2.HTTPError`` or ``ValueError`` if it breaks off.
        """
        with (
            self._client(httpx2.Timeout(10.0, read=60.0)) as client,
            client.stream("GET", self.url + path) as response,
        ):
            if not response.is_success:
                response.read()
                self._unwrap(response)
            yield read_events(response.iter_text())

    def _client(self, timeout: httpx2.Timeout) -> httpx2.Client:
        return httpx2.Client(headers=self.headers, timeout=timeout, trust_env=False, verify=self._trusted())

    def _trusted(self) -> Any:
        """Return what checks the api's certificate."""
        if not self.url.startswith("https:"):
            return False  # a plain connection, for which no authorities need be read
        from emprops.kit.outbound.tls import trusted  # noqa: PLC0415 - imports the settings

        with one_sentence():
            return trusted()

    def _unwrap(self, response: httpx2.Response) -> Any:
        """Return the envelope's data. Raises :class:`NoAnswerError`."""
        status = response.status_code
        if response.is_redirect:
            raise NoAnswerError(f"{self.url} points to {response.headers['location']}: name that with --server.")
        try:
            body = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict) or not {"data", "error"} <= body.keys():
            raise NoAnswerError(
                f"{self.url} answered {status}, and not as an EmProps api does: is it the address of one?"
            )
        if response.is_success:
            return body["data"]
        raise NoAnswerError(self._sentence(response, body))

    def _sentence(self, response: httpx2.Response, body: dict[str, Any]) -> str:
        """Return the api's own sentence and, where a caller can do something about it, what."""
        sentence, details = str(body["error"]), body.get("details")
        if isinstance(details, dict):
            sentence += ": " + "; ".join(f"{name}: {text}" for name, text in details.items())
        advice = ""
        if response.status_code == 401:
            advice = self._how_to_be_known()
        elif response.status_code == 404:
            known = [where for part, where in WHERE.items() if part in response.request.url.path.split("/")]
            missing_route = sentence.startswith("There is no ")
            advice = f"is {self.url} the address of an api of this version?" if missing_route else "".join(known[:1])
        elif response.status_code in {429, 503} and "retry-after" in response.headers:
            advice = f"try again in {response.headers['retry-after']} seconds"
        return (
            f"{sentence.rstrip('.')}: {advice.rstrip('.')}{'' if advice.endswith('?') else '.'}" if advice else sentence
        )

    def _how_to_be_known(self) -> str:
        if "X-API-Key" in self.headers:
            return "check EMPROPS_API_KEY; `emprops keys list` lists keys by how they begin"
        if "Authorization" in self.headers:
            return "check EMPROPS_TOKEN, which may have expired, and that this api takes tokens"
        return "name a user with --user, or in production set EMPROPS_TOKEN or EMPROPS_API_KEY"


def find_server(server: str | None, user: str | None) -> Server:
    """Find the api: as given, else EMPROPS_URL and EMPROPS_USER_ID, else what runs on this data folder."""
    warn_of_variables()
    run = read_run(data_dir(os.environ))
    url = server or os.environ.get("EMPROPS_URL") or (run.url if run else "")
    if not url:
        fail("No running installation was found here: start one with `emprops up`, or name an api with --server.")
    if not _is_address(url):
        fail(f"{url} is not the address of an api: it looks like http://localhost:3001 or https://api.example.com.")
    headers = {
        "user_id": user or os.environ.get("EMPROPS_USER_ID") or (run.user_id if run else ""),
        "X-API-Key": os.environ.get("EMPROPS_API_KEY", ""),
        "Authorization": f"Bearer {os.environ['EMPROPS_TOKEN']}" if os.environ.get("EMPROPS_TOKEN") else "",
    }
    for name, value in headers.items():
        if not (value.isascii() and (value.isprintable() or not value)):
            fail(f"What is to be sent as {name} has characters that no header may have: check what was pasted.")
    return Server(url.rstrip("/"), {name: value for name, value in headers.items() if value})


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an address in brackets, or a port, that is none
        return False
