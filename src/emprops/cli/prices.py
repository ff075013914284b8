"""``emprops price``: what a generation would cost. And how commands print a price: as one line."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote

import typer

from emprops.cli.client import ServerOption, UserOption, find_server
from emprops.cli.generate import variables_from
from emprops.cli.output import answer, clean, json_option
from emprops.credits.amounts import plain

SHOWN_PARTS = 4


def price(
    collection: Annotated[str, typer.Argument(help="Id or short name of the collection, for example `art`.")],
    var: Annotated[list[str] | None, typer.Option("--var", "-v", help="A variable as name=value; repeatable.")] = None,
    server: ServerOption = None,
    user: UserOption = None,
    as_json: Annotated[bool, json_option("`price`, `least`, `collection`, `generations`, `steps`, `warnings`")] = False,
) -> None:
    """Print what a generation would cost, in credits, and its parts.

    For example:

        $ emprops price art --var quality=final
    """
    path = f"/api/collections/{quote(collection, safe='')}/price"
    found = find_server(server, user).call("POST", path, json={"variables": variables_from(var or [])})
    answer(price_line(found), found, as_json=as_json)


def price_line(price: Mapping[str, Any]) -> str:
    """Write a price and its parts in one line."""
    charged = price.get("charged")
    bound = "at most " if price["least"] < price["price"] and charged is None else ""
    total = f"{bound}{_digits(price['price'] if charged is None else charged)}"
    state = price.get("state", "")
    own = [f"collection {_digits(price['collection'])}"] if price["collection"] else []
    steps = Counter(_part(step) for step in price["steps"] if step["price"])
    parts = own + [f"{count} x {part}" if count > 1 else part for part, count in steps.items()]
    more = [f"{len(parts) - SHOWN_PARTS} more"] if len(parts) > SHOWN_PARTS else []
    listed = ", ".join(parts[:SHOWN_PARTS] + more)
    return clean(f"{total} credits{f' {state}' if state else ''}{f': {listed}' if listed else ''}")


def _part(step: Mapping[str, Any]) -> str:
    cost = step["price"] if step.get("charged") is None else step["charged"]
    return f"{step['name']} {_digits(cost)} ({step['why']})"


def _digits(amount: float) -> str:
    return plain(Decimal(str(amount)))
