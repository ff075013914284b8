"""``emprops jobs``: list jobs; look at one, follow what happened to it, cancel it, retry it."""

from typing import Annotated, Any

import typer

from emprops.cli.client import ServerOption, UserOption, find_server
from emprops.cli.tables import JsonOption, show, show_fields, table

app = typer.Typer(help="List the newest jobs; show, cancel and retry them.")
JobId = Annotated[str, typer.Argument(help="The job's id.", metavar="JOB")]


@app.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only pending, processing, completed or failed ones.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the newest jobs."""
    if context.invoked_subcommand is not None:
        return
    query = {"limit": limit} | ({"status": status} if status else {})
    found = find_server(server, user).call("GET", "/api/jobs", params=query)
    rows = table("job", "status", "created", "result")
    for job in found:
        done = f"{job['status']} {job['progress']:.0f} %" if job["status"] == "processing" else job["status"]
        result = job["workflow_output"] or job["error_message"] or job["name"]
        rows.add_row(job["id"], done, job["created_at"][5:16].replace("T", " "), result)
    show(rows, "No jobs yet: make one with `emprops generate art`.", found if as_json else None)


@app.command(name="show")
def show_job(job: JobId, server: ServerOption = None, user: UserOption = None, as_json: JsonOption = False) -> None:
    """Show a job: how far it is, why it waits, and its results."""
    found = find_server(server, user).call("GET", f"/api/jobs/{job}")
    files = [file["url"] for output in found["data"].get("outputs") or () for file in output["files"]]
    fields = {
        "job": found["id"],
        "name": found["name"],
        "status": found["status"],
        "progress": f"{found['progress'] or 0:.0f} %",
        "waits": why_it_waits(found),
        "error": found["error_message"],
        "created": found["created_at"],
        "completed": found["completed_at"],
        "variables": ", ".join(f"{name}={value}" for name, value in found["data"]["variables"].items()),
        "results": "\n".join(files),
    }
    show_fields({name: value for name, value in fields.items() if value}, found if as_json else None)


@app.command()
def logs(job: JobId, server: ServerOption = None, user: UserOption = None, as_json: JsonOption = False) -> None:
    """Print what happened to a job, oldest first."""
    found = find_server(server, user).call("GET", f"/api/jobs/{job}/history", params={"limit": 200})
    rows = table("time", "status", "message")
    for row in found:
        rows.add_row(row["created_at"][:19].replace("T", " "), row["status"], row["message"])
    show(rows, "Nothing has happened to it yet.", found if as_json else None)


@app.command()
def cancel(job: JobId, server: ServerOption = None, user: UserOption = None) -> None:
    """Cancel a job that has not ended."""
    found = find_server(server, user).call("POST", f"/api/jobs/{job}/cancel")
    typer.echo(f"{found['id']}: {found['error_message'] or found['status']}")


@app.command()
def retry(job: JobId, server: ServerOption = None, user: UserOption = None) -> None:
    """Try a failed job again."""
    found = find_server(server, user).call("POST", f"/api/jobs/{job}/retry")
    typer.echo(f"{found['jobId']}: {found['message']}")


def why_it_waits(job: dict[str, Any]) -> str:
    """Return in a few words what a job waits for; empty if it does not wait."""
    place = job.get("queue")
    if not place:
        return ""
    if place.get("retry_at"):
        return f"tried again at {place['retry_at'][11:19]} UTC"
    lacking = place.get("blocked_by")
    if lacking:
        return f"no live worker can run it: {', '.join(map(str, lacking))}"
    return f"place {place['position']} in the queue" if place.get("position") else "in the queue"
