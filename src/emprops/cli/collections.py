"""``emprops collections``: what can be generated from."""

from typing import Annotated

import typer

from emprops.cli.client import ServerOption, UserOption, find_server
from emprops.cli.output import json_option, print_json
from emprops.cli.tables import Column, show

COLUMNS = (Column("collection"), Column("name"), Column("status", rank=1), Column("title", least=8))
AsJson = Annotated[
    bool, json_option("a list, as `GET /collections` answers it, of `id`, `slug`, `status`, `title`, `description`")
]


def collections(
    public: Annotated[bool, typer.Option("--public", help="Public ones of everybody, instead of yours.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 50,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: AsJson = False,
) -> None:
    """List what can be generated from: your collections, or with --public everybody's public ones.

    `emprops generate` takes the name or the id.
    """
    path = "/collections/public" if public else "/collections"
    found = find_server(server, user).call("GET", path, params={"limit": limit})
    if as_json:
        print_json(found)
        return
    empty = "No public collections." if public else "You have no collections; --public lists those of everybody."
    show(COLUMNS, [(one["id"], one.get("slug"), one["status"], one["title"]) for one in found], empty=empty)
