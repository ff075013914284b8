"""``emprops collections``: what can be generated from."""

from typing import Annotated

import typer

from emprops.cli.client import ServerOption, UserOption, find_server
from emprops.cli.tables import JsonOption, show, table


def collections(
    public: Annotated[bool, typer.Option("--public", help="Public ones of everybody, instead of yours.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: JsonOption = False,
) -> None:
    """List collections: yours, or with --public everybody's public ones."""
    path = "/collections/public" if public else "/collections"
    found = find_server(server, user).call("GET", path, params={"limit": limit})
    rows = table("collection", "name", "status", "title")
    for one in found:
        rows.add_row(one["id"], one.get("slug") or "", one["status"], one["title"])
    empty = "No public collections." if public else "You have no collections; --public lists those of everybody."
    show(rows, empty, found if as_json else None)
