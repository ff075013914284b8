"""``emprops generate``: from a collection to a file, in a terminal."""

import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import orjson
import typer

from emprops.cli.assets import bring
from emprops.cli.client import NoAnswerError, Server, ServerOption, UserOption, find_server
from emprops.cli.exits import fail
from emprops.cli.output import clean, json_option, print_json, say
from emprops.cli.variables import data_dir
from emprops.cli.watching import Display, Watch, bar, lines, silence

AsJson = Annotated[
    bool, json_option("the job as it ended, with `id`, `status`, `error_message`, `workflow_output` and `data`")
]


def generate(
    collection: Annotated[str, typer.Argument(help="Id or short name of the collection, for example `art`.")],
    var: Annotated[list[str] | None, typer.Option("--var", "-v", help="A variable as name=value; repeatable.")] = None,
    priority: Annotated[int, typer.Option(min=1, max=100, help="Place in the queue; higher goes first.")] = 50,
    server: ServerOption = None,
    user: UserOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the URLs of the results.")] = False,
    as_json: AsJson = False,
) -> None:
    """Generate from a collection, watch it, and print where the result is.

    The URL comes first, then the file itself if it is on this machine. Ctrl-C
    ends the watching; the job goes on. A variable set to @FILE takes that
    file, which is brought as an asset.

    For example:

        $ emprops generate art --var prompt="a lighthouse at dusk" --var seed=3
        $ emprops generate art --quiet | xargs curl -O
        $ emprops generate upscale --var image=@fox.jpg
        $ emprops generate art --json | jq -r .workflow_output
    """
    api = find_server(server, user)
    body = {"variables": with_files(api, variables_from(var or [])), "workflow_priority": priority}
    started = api.call("POST", f"/api/collections/{quote(collection, safe='')}/generate", json=body)
    job_id = started["jobId"]
    for warning in started.get("warnings", []):
        say(f"Warning: {clean(warning)}")
    try:
        with _display(job_id, quiet=quiet) as display:
            job = Watch(api, job_id, display).follow()
    except NoAnswerError as error:
        fail(str(error))
    except KeyboardInterrupt:
        say(f"Job {job_id} goes on; to see it, or to cancel it:")
        say(f"  emprops jobs show {job_id}\n  emprops jobs cancel {job_id}")
        raise typer.Exit(130) from None
    if as_json:
        print_json(job)
    if job["status"] != "completed":
        fail(f"Job {job_id} failed: {job['error_message']}")
    if not as_json:
        _print_results(job, quiet=quiet)


def variables_from(pairs: list[str]) -> dict[str, Any]:
    """Read ``name=value`` pairs; a value that is a JSON number, boolean, list or object is taken as such."""
    variables: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            fail(f"--var takes name=value, not {pair!r}.")
        try:
            parsed = orjson.loads(value)
        except orjson.JSONDecodeError:
            parsed = value
        variables[name] = value if isinstance(parsed, str) or parsed is None else parsed
    return variables


def with_files(api: Server, variables: dict[str, Any]) -> dict[str, Any]:
    """Bring the files that ``@`` names, each with an asset in its place. An ``@`` before anything else is a text."""
    files = {
        name: path
        for name, value in variables.items()
        if isinstance(value, str) and value.startswith("@") and (path := Path(value[1:])).is_file()
    }
    return variables | {name: f"asset:{bring(api, path, {})['id']}" for name, path in files.items()}


def _display(job_id: str, *, quiet: bool) -> AbstractContextManager[Display]:
    if quiet:
        return silence()
    return bar() if sys.stderr.isatty() else lines(job_id)


def _print_results(job: dict[str, Any], *, quiet: bool) -> None:
    for url in result_urls(job):
        typer.echo(url)
        path = None if quiet else local_file(url)
        if path is not None:
            typer.echo(path)


def result_urls(job: dict[str, Any]) -> list[str]:
    """Return the URLs of all results of a job, in order."""
    outputs = (job.get("data") or {}).get("outputs") or []
    urls = [file["url"] for output in outputs for file in output.get("files", [])]
    return urls or ([job["workflow_output"]] if job["workflow_output"] else [])


def local_file(url: str) -> Path | None:
    """Return the file behind a URL, if it is in the data folder of this machine."""
    _, separator, key = urlsplit(url).path.partition("/files/")
    folder = (data_dir(os.environ) / "files").resolve()
    candidate = (folder / key).resolve()
    return candidate if separator and candidate.is_relative_to(folder) and candidate.is_file() else None
