"""``emprops jobs``: list jobs; look at one, follow what happened to it, cancel it, retry it."""

from typing import Annotated, Any, Literal
from uuid import UUID

import typer

from emprops.cli.client import ServerOption, UserOption, find_server
from emprops.cli.output import answer, clean, json_option, print_json, show_fields
from emprops.cli.prices import price_line
from emprops.cli.tables import Column, show, show_log
from emprops.cli.times import ago, dated, parsed, seconds
from emprops.cli.watching import why_it_waits

app = typer.Typer(add_completion=False)
JobId = Annotated[UUID, typer.Argument(help="The job's id.", metavar="JOB")]
Status = Annotated[
    Literal["pending", "processing", "completed", "failed"] | None, typer.Option(help="Only jobs in this state.")
]
FIELDS = "`id`, `name`, `status`, `progress`, `error_message`, `created_at`, `workflow_output`, `data`"
COLUMNS = (
    Column("job"),
    Column("status"),
    Column("done", lambda percent: f"{percent:.0f} %", right=True),
    Column("created", ago, right=True),
    Column("title", least=8),
    Column("result", least=24, rank=1),
)


@app.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    status: Status = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 20,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option(f"a list, as `GET /api/jobs?include=data` answers it, of {FIELDS}")] = False,
) -> None:
    """List the newest jobs; show, cancel and retry them.

    For example:

        $ emprops jobs --status failed
        $ emprops jobs show 0192f3a4-0000-7000-8000-000000000001
        $ emprops jobs --json | jq -r '.[].workflow_output'
    """
    if context.invoked_subcommand is not None:
        return
    query = {"limit": limit} | ({"status": status} if status else {}) | ({"include": "data"} if as_json else {})
    found = find_server(server, user).call("GET", "/api/jobs", params=query)
    if as_json:
        print_json(found)
        return
    wanted = f"No {status} jobs." if status else "No jobs yet: make one with `emprops generate art`."
    show(COLUMNS, [_row(job) for job in found], empty=wanted)


@app.command(name="show")
def show_job(
    job: JobId,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option(f"as `GET /api/jobs/ID` answers: {FIELDS}, `price`, `queue`")] = False,
) -> None:
    """Show a job: how far it is, why it waits, and its results."""
    found = find_server(server, user).call("GET", f"/api/jobs/{job}")
    if as_json:
        print_json(found)
        return
    files = [file["url"] for output in found["data"].get("outputs") or () for file in output.get("files", ())]
    variables = [f"{name}={clean(str(value))}" for name, value in found["data"].get("variables", {}).items()]
    show_fields({
        "job": found["id"],
        "title": _title(found),
        "status": found["status"],
        "done": f"{found['progress']:.0f} %" if found["status"] == "processing" and found["progress"] else None,
        "waits": why_it_waits(found),
        "error": found["error_message"],
        "created": dated(parsed(found["created_at"])),
        "took": _took(found),
        "price": price_line(found["price"]) if found.get("price") else None,
        "retries": found["retry_count"] or None,
        "variables": "\n".join(variables),
        "results": "\n".join(files or [found["workflow_output"] or ""]),
    })  # fmt: skip


@app.command()
def logs(
    job: JobId,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[
        bool,
        json_option("a list, as `GET /api/jobs/ID/history` answers it, of `id`, `status`, `message`, `created_at`"),
    ] = False,
) -> None:
    """Print what happened to a job, oldest first."""
    found = find_server(server, user).call("GET", f"/api/jobs/{job}/history", params={"limit": 200})
    if as_json:
        print_json(found)
        return
    rows = [(parsed(row["created_at"]), row["status"], row["message"]) for row in found]
    show_log(rows, empty="Nothing has happened to it yet.")


@app.command()
def cancel(
    job: JobId,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option(f"the job, with {FIELDS}")] = False,
) -> None:
    """Cancel a job that has not ended."""
    found = find_server(server, user).call("POST", f"/api/jobs/{job}/cancel")
    answer(f"{found['id']}: {clean(found['error_message'] or found['status'])}", found, as_json=as_json)


@app.command()
def retry(
    job: JobId,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option("`jobId`, `retryAttempt`, `message`")] = False,
) -> None:
    """Try a failed job again."""
    found = find_server(server, user).call("POST", f"/api/jobs/{job}/retry")
    answer(f"{found['jobId']}: {clean(found['message'])}", found, as_json=as_json)


def _row(job: dict[str, Any]) -> tuple[Any, ...]:
    done = job["progress"] if job["status"] == "processing" else None
    result = job["workflow_output"] or job["error_message"]
    return job["id"], job["status"], done, parsed(job["created_at"]), _title(job), result


def _title(job: dict[str, Any]) -> str:
    return str(job["name"]).removeprefix("Collection Generation: ")


def _took(job: dict[str, Any]) -> str | None:
    if not job["started_at"] or not job["completed_at"]:
        return None
    return seconds((parsed(job["completed_at"]) - parsed(job["started_at"])).total_seconds())
