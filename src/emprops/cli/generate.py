"""``emprops generate``: from a collection to a file, in a terminal."""

import threading
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import httpx2
import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from emprops.cli.client import Server, ServerOption, UserOption, find_server
from emprops.cli.exits import fail, read_settings
from emprops.cli.jobs import why_it_waits

LOOK_EVERY = 2.0
"""Seconds between looks at what a job waits for."""
ATTEMPTS = 5
"""How often a stream that breaks off is opened again before giving up watching (the job goes on regardless)."""


def generate(
    collection: Annotated[str, typer.Argument(help="Id or short name of the collection, for example `art`.")],
    var: Annotated[list[str] | None, typer.Option("--var", "-v", help="A variable as name=value; repeatable.")] = None,
    priority: Annotated[int, typer.Option(min=1, max=100, help="Place in the queue; higher goes first.")] = 50,
    server: ServerOption = None,
    user: UserOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the file's URL.")] = False,
) -> None:
    """Generate from a collection, watch it, and print where the result is."""
    api = find_server(server, user)
    body = {"variables": variables_from(var or []), "workflow_priority": priority}
    started = api.call("POST", f"/api/collections/{quote(collection, safe='')}/generate", json=body)
    job_id = started["jobId"]
    for warning in started.get("warnings", []):
        typer.echo(f"Warning: {warning}", err=True)
    try:
        job = watch(api, job_id, quiet=quiet)
    except KeyboardInterrupt:
        typer.echo(
            f"Job {job_id} goes on. `emprops jobs show {job_id}` shows it, `emprops jobs cancel {job_id}` cancels it.",
            err=True,
        )
        raise typer.Exit(130) from None
    if job["status"] != "completed":
        fail(f"Job {job_id} failed: {job['error_message']}")
    for url in result_urls(job):
        typer.echo(url)
        path = None if quiet else local_file(url)
        if path is not None:
            typer.echo(path)


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


def watch(api: Server, job_id: str, *, quiet: bool) -> dict[str, Any]:
    """Follow a job's stream with a progress bar; returns the job as it ended."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=quiet,
        transient=True,
    )
    ended = threading.Event()
    with bar:
        task = bar.add_task("pending", total=100)
        if not quiet:
            threading.Thread(target=_say_why_it_waits, args=(api, job_id, bar, task, ended), daemon=True).start()
        try:
            return _follow(api, job_id, bar, task)
        finally:
            ended.set()


def _follow(api: Server, job_id: str, bar: Progress, task: TaskID) -> dict[str, Any]:
    for _ in range(ATTEMPTS):
        try:
            with api.events(f"/api/jobs/{job_id}/stream") as events:
                for name, data in events:
                    if name == "job_history":
                        bar.update(task, description=data["message"][:60])
                    elif name == "job_update":
                        bar.update(task, completed=data["progress"] or 0)
                        if data["status"] in {"completed", "failed"}:
                            return dict(data)
        except httpx2.HTTPError:
            continue
    fail(f"The stream of job {job_id} broke off; the job goes on: `emprops jobs show {job_id}` shows it.")


def _say_why_it_waits(api: Server, job_id: str, bar: Progress, task: TaskID, ended: threading.Event) -> None:
    """Name in the bar what the job waits for, while it waits; a job that runs speaks through its stream."""
    while not ended.wait(LOOK_EVERY):
        try:
            job = api.call("GET", f"/api/jobs/{job_id}")
        except typer.Exit:
            return
        reason = why_it_waits(job)
        if reason and not ended.is_set():
            bar.update(task, description=reason[:60])


def result_urls(job: dict[str, Any]) -> list[str]:
    """URLs of all results of a job, in order."""
    outputs = (job.get("data") or {}).get("outputs") or []
    urls = [file["url"] for output in outputs for file in output.get("files", [])]
    return urls or ([job["workflow_output"]] if job["workflow_output"] else [])


def local_file(url: str) -> Path | None:
    """The file behind a URL, if it lies in the data folder of this machine."""
    path = urlsplit(url).path
    _, separator, key = path.partition("/files/")
    candidate = (read_settings().files_dir / key).resolve()
    return candidate if separator and candidate.is_file() else None
