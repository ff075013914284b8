"""How commands talk to a running api: where it is, who is calling, and one sentence when it says no."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import httpx2
import orjson
import typer

from emprops.cli.exits import fail, read_settings
from emprops.kit.outbound.tls import trusted
from emprops.local.run import read_run

ServerOption = Annotated[str | None, typer.Option(help="Address of the api.")]
UserOption = Annotated[str | None, typer.Option(help="User id to act as.")]


@dataclass(frozen=True)
class Server:
    """An api and the identity to use with it."""

    url: str
    headers: dict[str, str]

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Make a request and return the envelope's data; ends the command with the api's sentence on failure."""
        try:
            response = httpx2.request(
                method, self.url + path, headers=self.headers, timeout=30, trust_env=False, verify=trusted(), **options
            )
        except httpx2.HTTPError as error:
            fail(f"{self.url} does not answer ({error}): start it with `emprops up`, or name it with --server.")
        return self.unwrap(response)

    def unwrap(self, response: httpx2.Response) -> Any:
        """Return the envelope's data or end the command with its error."""
        try:
            body = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            fail(f"{self.url} answered {response.status_code} with something that is not JSON: is it an EmProps api?")
        if response.is_success:
            return body["data"]
        details = body.get("details")
        reasons = "; ".join(f"{name}: {text}" for name, text in details.items()) if isinstance(details, dict) else ""
        fail(f"{body.get('error', response.status_code)}{': ' + reasons if reasons else ''}")

    @contextmanager
    def events(self, path: str) -> Iterator[Iterator[tuple[str, Any]]]:
        """Open a server-sent event stream: ``(event name, decoded data)`` until it ends."""
        timeout = httpx2.Timeout(10.0, read=60.0)
        with (
            httpx2.Client(headers=self.headers, timeout=timeout, trust_env=False, verify=trusted()) as client,
            client.stream("GET", self.url + path) as response,
        ):
            if not response.is_success:
                response.read()
                self.unwrap(response)
            yield _events(_lines(response.iter_text()))


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Split a stream into lines as server-sent events do: at CR, LF or both, not at what Unicode calls a line's end."""
    rest = ""
    for text in texts:
        # a CR at the end may be the first half of a CR LF
        *lines, rest = re.split(r"\r\n|\n|\r(?!$)", rest + text)
        yield from lines
    if rest:
        yield rest.rstrip("\r")


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    name, data = "", ""
    for line in lines:
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
        elif not line and data:
            yield name, orjson.loads(data)
            name, data = "", ""


def find_server(server: str | None, user: str | None) -> Server:
    """Find the api: as given, else EMPROPS_URL and EMPROPS_USER_ID, else what runs on this data folder."""
    run = read_run(read_settings().data_dir)
    url = server or os.environ.get("EMPROPS_URL") or (run.url if run else "")
    user_id = user or os.environ.get("EMPROPS_USER_ID") or (run.user_id if run else "")
    api_key, token = os.environ.get("EMPROPS_API_KEY", ""), os.environ.get("EMPROPS_TOKEN", "")
    if not url:
        fail("No running installation was found here: start one with `emprops up`, or name an api with --server.")
    headers = {"user_id": user_id} if user_id else {}
    if api_key:
        headers["X-API-Key"] = api_key
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return Server(url.rstrip("/"), headers)
