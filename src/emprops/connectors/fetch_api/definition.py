"""How an HTTP API is to be called: the ``api`` of a ``fetch_api`` workflow, read and checked. Pure.

::

    {"url": "https://api.example.com/v1/videos", "method": "POST", "headers": {"Authorization": "Bearer {{VIDEO_KEY}}"},
     "successResponseCode": [200, 201], "requestTimeout": 60, "fetchType": "polling",
     "polling": {"url": "https://api.example.com/v1/videos/{{id}}", "params": {"id": {"exprJq": ".id"}},
                 "continueWhenExpr": ".status == \\"RUNNING\\"", "stopWhenExpr": ".status == \\"FAILED\\"",
                 "outputExprJq": ".output[]", "interval": 3, "timeout": 600}}

or ``"fetchType": "wait", "wait": {"outputExprJq": ".data[0].url"}``. Expressions are jq. Durations are seconds.
``{{NAME}}`` in a URL's path or query, or in a header, is a secret; in ``polling.url`` it may be one of ``params``,
which come from the first answer. What ``polling`` leaves out (headers, codes) is as in the first request; its method is
GET. ``polling.pendingResponseCode`` are statuses that mean "not yet". Where the result is at an address of its own,
``polling.result`` says which; it is read like ``polling``, and its ``params`` come from the last status::

    "result": {"url": "https://api.example.com/v1/files/{{file}}", "params": {"file": {"exprJq": ".file_id"}}}
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

PLACEHOLDER = re.compile(r"\{\{ *(\w+) *\}\}")
SECRET_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
HEADER_VALUE = re.compile(r"[\x20-\x7e\t]{0,4096}")
PLAIN_URL = re.compile(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:[/?](?:[!-~]|\{\{ *\w+ *\}\})*)?"
)
"""Every parser sees the same host in it, which decides what secrets may be sent."""
METHODS = ("GET", "POST", "PUT", "PATCH")
WAYS = ("wait", "polling")
MAX_URL = 4096
MAX_EXPRESSION = 2000
MAX_HEADERS = 50
MAX_PARAMS = 50

REQUEST_TIMEOUTS = (1.0, 600.0)
POLLING_TIMEOUTS = (1.0, 6 * 3600.0)
INTERVALS = (0.5, 300.0)


class DefinitionError(ValueError):
    """A definition cannot be used; ``problems`` has a sentence for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with names of secrets in it."""

    method: str
    url: str
    headers: Mapping[str, str]
    success: frozenset[int]
    """Statuses that are a success; empty: 200 to 299."""
    timeout: float
    pending: frozenset[int] = frozenset()
    """Statuses that mean "not yet"."""


@dataclass(frozen=True, slots=True)
class Result:
    """How to get a result that is not in the status itself."""

    request: Request
    params: Mapping[str, str]
    """Name → expression over the last status."""


@dataclass(frozen=True, slots=True)
class Polling:
    """How to ask for a result that is not there at once."""

    request: Request
    params: Mapping[str, str]
    """Name → expression over the first answer."""
    continue_when: str | None
    """Ask again while this is true; None: until ``output`` gives something."""
    stop_when: str | None
    """The work has failed once this is true."""
    interval: float
    timeout: float
    """For everything after the first answer, in each attempt."""
    result: Result | None = None
    """Where the result is once it is done; None: in the status, or the status is the result."""


@dataclass(frozen=True, slots=True)
class Definition:
    """How the API is called, and where in its answer the result is."""

    request: Request
    output: str
    polling: Polling | None


def read(api: Any) -> Definition:
    """Read ``api``. Raises :class:`DefinitionError` naming every fault."""
    if not isinstance(api, dict):
        raise DefinitionError(["api must be an object with url, method and fetchType"])
    reader = _Reader(api, "api", [])
    usual = "POST"
    request = reader.request(
        Request(usual, "", {}, frozenset(), reader.number("requestTimeout", 120.0, REQUEST_TIMEOUTS))
    )
    way = api.get("fetchType")
    if way not in WAYS:
        reader.problems.append("api.fetchType must be wait or polling")
    elif not isinstance(api.get(way), dict):
        reader.problems.append(f"api.{way} must be an object: api.fetchType says {way}")
    else:
        inner = _Reader(api[way], f"api.{way}", reader.problems)
        output = inner.expression("outputExprJq") or "."
        polling = inner.polling(request) if way == "polling" else None
        if not reader.problems:
            return Definition(request, output, polling)
    raise DefinitionError(reader.problems)


def secret_names(api: Any) -> set[str]:
    """Return the names of the secrets that a definition uses, however faulty the rest is."""
    return {name for name in _placeholders(api) if SECRET_NAME.fullmatch(name)}


def urls_of(api: Any) -> list[str]:
    """Return the addresses to which a definition sends requests, however faulty the rest is."""
    found: list[Any] = []
    if isinstance(api, dict):
        polling = api.get("polling") if api.get("fetchType") == "polling" else None
        result = polling.get("result") if isinstance(polling, dict) else None
        found = [part.get("url") for part in (api, polling, result) if isinstance(part, dict)]
    return [url for url in found if isinstance(url, str)]


def hosts_of(api: Any) -> set[str]:
    """Return the hosts of those addresses, in lower case; a dot at the end means the same host."""
    return {host.rstrip(".") for host in map(_host, urls_of(api)) if host}


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _placeholders(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield from PLACEHOLDER.findall(node)
    elif isinstance(node, (dict, list)):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _placeholders(value)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the members of one object, and notes what is wrong with them."""

    data: Mapping[str, Any]
    where: str
    problems: list[str] = field(default_factory=list)

    def request(self, usual: Request, params: frozenset[str] = frozenset()) -> Request:
        """Read method, URL, headers and codes; what is not there is as in ``usual``."""
        method = self.data.get("method", usual.method)
        if isinstance(method, str):
            method = method.upper()
        if method not in METHODS:
            self.problems.append(f"{self.where}.method must be one of {', '.join(METHODS)}")
            method = usual.method
        headers = self.headers() if "headers" in self.data else usual.headers
        success = self.codes("successResponseCode", 299) or usual.success
        return Request(method, self.url(params), headers, success, usual.timeout, usual.pending)

    def url(self, params: frozenset[str]) -> str:
        """Read the URL; its scheme, host and port must stand as they are."""
        url = self.data.get("url")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")) or len(url) > MAX_URL:
            self.problems.append(
                f"{self.where}.url must begin with http:// or https:// and have at most {MAX_URL} characters"
            )
            return ""
        if not PLAIN_URL.fullmatch(url):
            self.problems.append(f"{self.where}.url needs a plain host: no user name, no placeholder, no spaces")
        self._check_names(url, "url", params)
        return url

    def headers(self) -> Mapping[str, str]:
        """Read the headers."""
        headers = self.data["headers"]
        if not isinstance(headers, dict) or len(headers) > MAX_HEADERS:
            self.problems.append(f"{self.where}.headers must be an object of at most {MAX_HEADERS} texts")
            return {}
        for name, value in headers.items():
            if not HEADER_NAME.fullmatch(name):
                self.problems.append(f"{self.where}.headers has {name[:100]!r}, which is no name of a header")
            elif not isinstance(value, str) or not HEADER_VALUE.fullmatch(value):
                self.problems.append(f"{self.where}.headers.{name} must be a text of at most 4096 ASCII characters")
            else:
                self._check_names(value, f"headers.{name}")
        return headers

    def codes(self, key: str, highest: int) -> frozenset[int]:
        """Read a status, or a list of them."""
        given = self.data.get(key)
        codes = [] if given is None else given if isinstance(given, list) else [given]
        if any(isinstance(code, bool) or not isinstance(code, int) or not 200 <= code <= highest for code in codes):
            self.problems.append(f"{self.where}.{key} must be a status from 200 to {highest}, or a list of them")
            return frozenset()
        return frozenset(codes)

    def polling(self, first: Request) -> Polling:
        """Read how to poll."""
        params = self.params("the first answer")
        usual = Request("GET", "", first.headers, first.success, first.timeout)
        pending = self.codes("pendingResponseCode", 599)
        request = replace(self.request(usual, frozenset(params)), pending=pending)
        polling = Polling(
            request=request,
            params=params,
            continue_when=self.expression("continueWhenExpr"),
            stop_when=self.expression("stopWhenExpr"),
            interval=self.number("interval", 3.0, INTERVALS),
            timeout=self.number("timeout", 600.0, POLLING_TIMEOUTS),
        )
        return polling if self.data.get("result") is None else replace(polling, result=self.result(polling))

    def result(self, polling: Polling) -> Result | None:
        """Read where the result is."""
        given = self.data["result"]
        if not isinstance(given, dict):
            self.problems.append(f"{self.where}.result must be an object with a url")
            return None
        if polling.continue_when is None and not polling.request.pending:
            self.problems.append(
                f"{self.where} needs continueWhenExpr or pendingResponseCode: with a result of its own, they say when"
                " it is there"
            )
        reader = _Reader(given, f"{self.where}.result", self.problems)
        params = reader.params("the last status")
        usual = replace(polling.request, method="GET", pending=frozenset())
        request = reader.request(usual, frozenset(polling.params) | frozenset(params))
        return Result(replace(request, pending=reader.codes("pendingResponseCode", 599)), params)

    def params(self, over: str) -> Mapping[str, str]:
        """Read ``params``: name → ``{exprJq}``, or name → expression over some answer."""
        given = self.data.get("params") or {}
        if not isinstance(given, dict) or len(given) > MAX_PARAMS:
            self.problems.append(f"{self.where}.params must be an object of at most {MAX_PARAMS} expressions")
            return {}
        read: dict[str, str] = {}
        for name, item in given.items():
            text = item.get("exprJq") if isinstance(item, dict) else item
            if not isinstance(text, str) or not _is_expression(text) or not re.fullmatch(r"\w{1,100}", name):
                self.problems.append(f"{self.where}.params.{name[:100]} must be a jq expression over {over}")
            else:
                read[name] = text
        return read

    def expression(self, key: str) -> str | None:
        """Read a jq expression; None if there is none. It is not compiled here."""
        text = self.data.get(key)
        if text is None or text == "":
            return None
        if not _is_expression(text):
            self.problems.append(f"{self.where}.{key} must be a jq expression of at most {MAX_EXPRESSION} characters")
            return None
        return str(text)

    def number(self, key: str, usual: float, limits: tuple[float, float]) -> float:
        """Read a number of seconds."""
        value = self.data.get(key)
        if value is None:
            return usual
        low, high = limits
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            self.problems.append(f"{self.where}.{key} must be a number of seconds from {low:g} to {high:g}")
            return usual
        return float(value)

    def _check_names(self, text: str, key: str, params: frozenset[str] = frozenset()) -> None:
        for name in PLACEHOLDER.findall(text):
            if name not in params and not SECRET_NAME.fullmatch(name):
                self.problems.append(
                    f"{self.where}.{key} has {{{{{name}}}}}, which is no secret: names of secrets are capital"
                    " letters, digits and _; form fields are placed in the body"
                )


def _is_expression(text: Any) -> bool:
    return isinstance(text, str) and 0 < len(text) <= MAX_EXPRESSION and "\x00" not in text
