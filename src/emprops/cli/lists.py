"""``emprops jobs``: what is going on."""

from typing import Annotated

import typer

from emprops.cli.client import find_server
from emprops.cli.tables import show, table


def jobs(
    status: Annotated[str | None, typer.Option(help="Only pending, processing, completed or failed ones.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    server: Annotated[str | None, typer.Option(help="Address of the api.")] = None,
    user: Annotated[str | None, typer.Option(help="User id whose jobs to list.")] = None,
) -> None:
    """List the newest jobs."""
    query = {"limit": limit} | ({"status": status} if status else {})
    found = find_server(server, user).call("GET", "/api/jobs", params=query)
    rows = table("job", "status", "progress", "created", "name", "result")
    for job in found:
        progress = f"{job['progress'] or 0:.0f} %"
        result = job["workflow_output"] or job["error_message"] or ""
        rows.add_row(job["id"], job["status"], progress, job["created_at"][:19], job["name"], result)
    show(rows, "No jobs yet.")
