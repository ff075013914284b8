"""``emprops webhooks``: make endpoints, see how they do, send again what they missed. It talks to a running api."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from emprops.cli.client import find_server
from emprops.cli.keys import life_of
from emprops.cli.tables import show, table

app = typer.Typer(help="Make webhook endpoints, see how they do, send again what they missed.", no_args_is_help=True)
At = Annotated[str | None, typer.Option("--server", help="Address of the api.")]
As = Annotated[str | None, typer.Option("--user", help="User id whose endpoints these are.")]
Which = Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id, see `emprops webhooks list`.")]
API = "/api/webhooks"


@app.command(name="list")
def list_(server: At = None, user: As = None) -> None:
    """List your endpoints; with EMPROPS_API_KEY and no user, those of services."""
    endpoints = find_server(server, user).call("GET", API, params={"limit": 200})
    rows = table("endpoint", "url", "events", "state")
    for endpoint in endpoints:
        rows.add_row(endpoint["id"], endpoint["url"], ", ".join(endpoint["events"]), _state_of(endpoint))
    show(rows, "No webhook endpoints yet: make one with `emprops webhooks create https://…`.")


@app.command()
def create(
    url: Annotated[str, typer.Argument(help="Where events are to be sent.")],
    event: Annotated[list[str] | None, typer.Option(help="Such as job.completed; may be given more than once.")] = None,
    description: Annotated[str, typer.Option(help="Shown in lists.")] = "",
    server: At = None,
    user: As = None,
) -> None:
    """Make an endpoint and print its id and its signing secret, this once."""
    body = {"url": url, "description": description} | ({"events": event} if event else {})
    made = find_server(server, user).call("POST", API, json=body)
    typer.echo(made["id"])
    typer.echo(made["secret"])
    typer.echo("Keep the secret now: it is not shown again. Receivers verify the header webhook-signature.", err=True)


@app.command(name="test")
def send_test(endpoint: Which, server: At = None, user: As = None) -> None:
    """Send a test event; `emprops webhooks deliveries` tells how it went."""
    sent = find_server(server, user).call("POST", f"{API}/{endpoint}/test")
    typer.echo(sent["event_id"])


@app.command()
def deliveries(
    endpoint: Which,
    status: Annotated[str | None, typer.Option(help="Only pending, delivered or failed ones.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    server: At = None,
    user: As = None,
) -> None:
    """List what was sent to an endpoint, newest first."""
    query = {"limit": limit} | ({"status": status} if status else {})
    rows = table("event", "type", "status", "attempts", "last answer")
    for one in find_server(server, user).call("GET", f"{API}/{endpoint}/deliveries", params=query):
        last = one["last_attempt"] or {}
        answer = last.get("error") or str(last.get("status_code") or "")
        rows.add_row(one["event_id"], one["event_type"], one["status"], str(one["attempts"]), answer)
    show(rows, "Nothing was sent to it yet.")


@app.command()
def replay(
    endpoint: Which,
    event: Annotated[str | None, typer.Option(help="Only this event.")] = None,
    since: Annotated[str, typer.Option(help="How far back: 3d, 12h, 30m.")] = "3d",
    delivered: Annotated[bool, typer.Option(help="Also what the receiver has taken.")] = False,
    server: At = None,
    user: As = None,
) -> None:
    """Send again what was given up, or one event however it ended."""
    path, body = f"{API}/{endpoint}/replay", {"since": _ago(since), "include_delivered": delivered}
    if event is not None:
        path, body = f"{API}/{endpoint}/deliveries/{event}/replay", {}
    answer = find_server(server, user).call("POST", path, json=body)
    typer.echo(f"Sent again: {answer.get('replayed', 1)}" + (", and there is more." if answer.get("more") else ""))


@app.command()
def enable(endpoint: Which, server: At = None, user: As = None) -> None:
    """Send to an endpoint again that was disabled."""
    find_server(server, user).call("PATCH", f"{API}/{endpoint}", json={"enabled": True})
    typer.echo("It is enabled; what waited is sent now.")


def _ago(since: str) -> str:
    life = life_of(since, "--since")
    return (datetime.now(UTC) - (life or timedelta())).isoformat()


def _state_of(endpoint: dict[str, Any]) -> str:
    if not endpoint["enabled"]:
        return f"disabled: {endpoint['disabled_reason']}"
    return f"{endpoint['failures']} failures in a row" if endpoint["failures"] else "works"
