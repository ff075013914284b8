"""``emprops assets``: bring files, see and delete them. It talks to a running api."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from emprops.cli.client import Server, ServerOption, UserOption, find_server
from emprops.cli.exits import fail
from emprops.cli.output import answer, json_option, print_json, show_fields
from emprops.cli.tables import Column, show
from emprops.cli.times import ago, dated, life_of, parsed, size

app = typer.Typer(
    help="Bring files to generate from; list and delete them.", no_args_is_help=True, add_completion=False
)
Which = Annotated[str, typer.Argument(metavar="ID", help="The asset's id, see `emprops assets list`.")]
CHUNK = 256 * 1024
FIELDS = "`id`, `name`, `mime_type`, `size_bytes`, `width`, `height`, `url`, `signed_url`, `created_at`, `expires_at`"
ASSETS = (
    Column("asset"),
    Column("type", least=9),
    Column("size", size, right=True),
    Column("brought", ago, right=True, rank=2),
    Column("ends", ago, right=True, rank=1),
    Column("name", least=8),
)


@app.command()
def upload(
    file: Annotated[Path, typer.Argument(help="The file; `-` reads it from stdin.")],
    name: Annotated[str, typer.Option(help="What it is called in lists; the file's name unless given.")] = "",
    expires: Annotated[str, typer.Option(help="When it is removed: 30d, 12h, 45m.")] = "",
    keep_metadata: Annotated[
        bool, typer.Option("--keep-metadata", help="Store a picture as it is, with when and where it was made.")
    ] = False,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option(FIELDS)] = False,
) -> None:
    """Bring a file, and print the id that variables take.

    For example:

        $ emprops generate upscale --var image=$(emprops assets upload fox.jpg)
    """
    said: dict[str, Any] = {"name": name} if name else {}
    life = life_of(expires, "--expires") if expires else None
    said |= {"expires_in": life.total_seconds()} if life else {}
    said |= {"keep_metadata": True} if keep_metadata else {}
    made = bring(find_server(server, user), file, said)
    answer(made["id"], made, as_json=as_json)


def bring(api: Server, file: Path, said: dict[str, Any]) -> Any:
    """Send a file; returns the asset. Ends the command with one sentence on failure."""
    if str(file) == "-":  # nobody knows how long a pipe is
        pieces = iter(partial(sys.stdin.buffer.read, CHUNK), b"")
        headers = {"content-type": "application/octet-stream"}
        return api.call("POST", "/assets", content=pieces, params=said, headers=headers)
    try:
        with file.open("rb") as content:
            return api.call("POST", "/assets", files={"file": (file.name, content)}, params=said)
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror or error}.")


@app.command(name="list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 50,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option(f"a list of {FIELDS}")] = False,
) -> None:
    """List your assets, newest first."""
    found = find_server(server, user).call("GET", "/assets", params={"limit": limit})
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            one["mime_type"],
            one["size_bytes"],
            parsed(one["created_at"]),
            one["expires_at"] and parsed(one["expires_at"]),
            one["name"],
        )
        for one in found
    ]
    show(ASSETS, rows, empty="No assets yet: bring a file with `emprops assets upload FILE`.")


@app.command(name="show")
def show_asset(
    asset: Which,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option(FIELDS)] = False,
) -> None:
    """Show one of your assets, with a URL that opens for a while."""
    found = find_server(server, user).call("GET", f"/assets/{asset}")
    if as_json:
        print_json(found)
        return
    pixels = f"{found['width']} × {found['height']}" if found["width"] else None
    show_fields(
        {
            "asset": found["id"],
            "name": found["name"],
            "type": found["mime_type"],
            "size": size(found["size_bytes"]),
            "pixels": pixels,
            "seconds": found["duration"],
            "sha256": found["sha256"],
            "blake3": found["blake3"],
            "brought": dated(parsed(found["created_at"])),
            "ends": found["expires_at"] and dated(parsed(found["expires_at"])),
            "url": found["signed_url"],
        }
    )


@app.command()
def delete(
    asset: Which,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option("`id`")] = False,
) -> None:
    """Delete one of your assets, and print its id."""
    gone = find_server(server, user).call("DELETE", f"/assets/{asset}")
    answer(gone["id"], gone, as_json=as_json)
