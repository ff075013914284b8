"""``emprops webhooks``: make endpoints, see how they do, send again what they missed. It talks to a running api."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import typer

from emprops.cli.client import ServerOption, UserOption, find_server
from emprops.cli.output import answer, json_option, print_json, say
from emprops.cli.tables import Column, show
from emprops.cli.times import ago, life_of, parsed

app = typer.Typer(
    help="Make webhook endpoints, see how they do, send again what they missed.",
    no_args_is_help=True,
    add_completion=False,
)
Which = Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id, see `emprops webhooks list`.")]
Status = Annotated[Literal["pending", "delivered", "failed"] | None, typer.Option(help="Only those in this state.")]
API = "/api/webhooks"
FIELDS = "`id`, `url`, `events`, `description`, `enabled`, `disabled_reason`, `failures`"
ENDPOINTS = (
    Column("endpoint"),
    Column("state", least=9),
    Column("url", least=16),
    Column("events", least=12),
)
DELIVERIES = (
    Column("event"),
    Column("type", rank=1),
    Column("status"),
    Column("tries", right=True),
    Column("sent", ago, right=True),
    Column("answer", least=6),
)


@app.command(name="list")
def list_(
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option(f"a list, as `GET /api/webhooks` answers it, of {FIELDS}")] = False,
) -> None:
    """List your endpoints; with EMPROPS_API_KEY and no user, those of services."""
    endpoints = find_server(server, user).call("GET", API, params={"limit": 200})
    if as_json:
        print_json(endpoints)
        return
    rows = [(one["id"], _state_of(one), one["url"], ", ".join(one["events"])) for one in endpoints]
    show(ENDPOINTS, rows, empty="No webhook endpoints yet: make one with `emprops webhooks create https://…`.")


@app.command()
def create(
    url: Annotated[str, typer.Argument(help="Where events are to be sent.")],
    event: Annotated[list[str] | None, typer.Option(help="Such as job.completed; may be given more than once.")] = None,
    description: Annotated[str, typer.Option(help="Shown in lists.")] = "",
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option(f"{FIELDS} and the `secret`")] = False,
) -> None:
    """Make an endpoint and print its id and, on a second line, its signing secret, this once.

    For example:

        $ emprops webhooks create https://example.com/hook --event job.completed
    """
    body = {"url": url, "description": description} | ({"events": event} if event else {})
    made = find_server(server, user).call("POST", API, json=body)
    answer(f"{made['id']}\n{made['secret']}", made, as_json=as_json)
    say("Keep the secret now: it is not shown again. Receivers verify the header webhook-signature.")


@app.command(name="test")
def send_test(
    endpoint: Which,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option("`event_id`")] = False,
) -> None:
    """Send a test event and print its id; `emprops webhooks deliveries` tells how it went."""
    sent = find_server(server, user).call("POST", f"{API}/{endpoint}/test")
    answer(sent["event_id"], sent, as_json=as_json)


@app.command()
def deliveries(
    endpoint: Which,
    status: Status = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 20,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[
        bool, json_option("a list of `event_id`, `event_type`, `status`, `attempts`, `occurred_at`, `last_attempt`")
    ] = False,
) -> None:
    """List what was sent to an endpoint, newest first."""
    query = {"limit": limit} | ({"status": status} if status else {})
    found = find_server(server, user).call("GET", f"{API}/{endpoint}/deliveries", params=query)
    if as_json:
        print_json(found)
        return
    show(DELIVERIES, [_row(one) for one in found], empty="Nothing was sent to it yet.")


@app.command()
def replay(
    endpoint: Which,
    event: Annotated[str | None, typer.Option(help="Only this event.")] = None,
    since: Annotated[str, typer.Option(help="How far back: 3d, 12h, 30m.")] = "3d",
    delivered: Annotated[bool, typer.Option("--delivered", help="Also what the receiver has taken.")] = False,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option("`replayed` and whether there is `more`")] = False,
) -> None:
    """Send again what was given up, or one event however it ended.

    For example:

        $ emprops webhooks replay 0192f3a4-0000-7000-8000-000000000001 --since 12h
    """
    begins = datetime.now(UTC) - (life_of(since, "--since") or timedelta())
    path, body = f"{API}/{endpoint}/replay", {"since": begins.isoformat(), "include_delivered": delivered}
    if event is not None:
        path, body = f"{API}/{endpoint}/deliveries/{event}/replay", {}
    found = find_server(server, user).call("POST", path, json=body)
    result = {"replayed": found.get("replayed", 1), "more": found.get("more", False)}
    text = f"Sent again: {result['replayed']}" + (", and there is more." if result["more"] else "")
    answer(text, result, as_json=as_json)


@app.command()
def enable(
    endpoint: Which,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option(FIELDS)] = False,
) -> None:
    """Send to an endpoint again that was disabled."""
    found = find_server(server, user).call("PATCH", f"{API}/{endpoint}", json={"enabled": True})
    answer("It is enabled; what waited is sent now.", found, as_json=as_json)


def _row(delivery: dict[str, Any]) -> tuple[Any, ...]:
    last = delivery["last_attempt"] or {}
    sent = parsed(last["at"]) if last.get("at") else None
    reply = last.get("error") or last.get("status_code")
    return delivery["event_id"], delivery["event_type"], delivery["status"], delivery["attempts"], sent, reply


def _state_of(endpoint: dict[str, Any]) -> str:
    if not endpoint["enabled"]:
        return f"disabled: {endpoint['disabled_reason']}"
    return f"{endpoint['failures']} failures in a row" if endpoint["failures"] else "works"
