"""The page of error codes, from the types in ``errors.py`` and those that features add."""

from collections.abc import Iterator

from emprops import main as _every_feature  # noqa: F401 - importing the app defines every error
from emprops.errors import AppError
from tools.reference.markdown import one_line, page, table

INTRODUCTION = (
    'A failure is `{"data": null, "error": "<sentence>", "code": "<code>", "request_id": "<id>"}`, sometimes with'
    " `details`. The sentence says what to do; programs should look at the status and the code. If trying"
    " again makes sense, `Retry-After` says when."
)


def _types(base: type[AppError] = AppError) -> Iterator[type[AppError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _types(kind)


def make() -> str:
    """Return the page of error codes."""
    named = {(kind.status, kind.code): kind for kind in reversed(list(_types()))}
    rows = [[str(status), f"`{code}`", one_line(named[status, code].__doc__)] for status, code in sorted(named)]
    return page("Error codes", INTRODUCTION, table(["status", "code", "when"], rows))
