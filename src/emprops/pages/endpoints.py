"""Pages for people: an output to watch, and a published deck as a gallery."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from starlette.responses import Response

from emprops.auth.caller import Caller
from emprops.auth.dependencies import OptionalCaller, PublicRoute
from emprops.auth.identity_header import canonical_uuid
from emprops.auth.share import Links
from emprops.decks.states import SHARED
from emprops.kit.web.endpoint import Reader, Resources, Shared, router
from emprops.kit.web.paging import Page
from emprops.kit.web.parts import Part
from emprops.media.mux.playback import Signer, playback_of
from emprops.media.result_links import Naming, ResultLinks
from emprops.media.storage import key_of
from emprops.pages import queries
from emprops.pages.display import is_shown, kind_of, policy, source_of
from emprops.pages.rendering import PagesOf
from emprops.settings import Settings

routes = router(tags=["watch"], include_in_schema=False)  # pages are for people, not for generated clients

MAX_TEXT = 256 * 1024
TILES = 60
Token = Annotated[str | None, Query(alias="t", max_length=100)]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=1000)]


MUX_SIGNER: Part[Signer | None] = Part("mux_signer")
"""What signs playback at Mux, if it is signed."""
SignerOf = Annotated[Signer | None, Depends(MUX_SIGNER.depend)]


@routes.get("/watch/static/{name}", dependencies=[PublicRoute])
async def get_static(name: str, pages: PagesOf) -> Response:
    """Send a style sheet or the player."""
    return pages.file(name)


@routes.get("/watch/{output_id}")
async def watch_output(
    output_id: str,
    request: Request,
    caller: OptionalCaller,
    reader: Reader,
    resources: Shared,
    pages: PagesOf,
    links: Links,
    signer: SignerOf,
    results: Naming,
    token: Token = None,
) -> Response:
    """Show an output: to its owner, to anyone with the owner's link, and to everyone if it is in a published deck."""
    wanted = canonical_uuid(output_id)
    output = await queries.watched(reader, wanted) if wanted else None
    if output is None or not (
        output.shared or _may(caller, output.user_id) or (token is not None and links.opens(token, output.id))
    ):
        return pages.missing(request)
    settings = resources.settings
    playback_id = output.mux_playback_id if pages.player else None
    kind = kind_of(output.status, output.mime_type, output.url, playback_id)
    url, thumbnail_url = results.of_output(output.url, output.thumbnail_url, output.flat_file_id)
    shown = (output.url, output.thumbnail_url) if output.shared else (url, thumbnail_url)
    source, poster = (source_of(settings, one) for one in shown)
    if source is None and kind not in ("pending", "failed"):
        kind = "file"
    text = await _text(resources, url) if kind == "text" and url and results.opens(url) else None
    values = {
        "output": output,
        "kind": "file" if kind == "text" and text is None else kind,
        "source": source.address if source else None,
        "poster": poster.address if poster else None,
        "text": text,
        "playback": playback_of(signer, playback_id) if playback_id else None,
        "player": pages.player,
        "framed": request.headers.get("sec-fetch-dest") == "iframe",
    }
    reply = pages.page("watch.html", values, csp=policy([kind], [source, poster], framed_by="'self'"))
    reply.headers["X-Frame-Options"] = "SAMEORIGIN"  # the console frames it: the player needs a policy of its own
    return reply


@routes.get("/d/{deck_id}")
async def show_deck(
    deck_id: str,
    request: Request,
    caller: OptionalCaller,
    reader: Reader,
    resources: Shared,
    pages: PagesOf,
    results: Naming,
    page: PageNumber = 1,
) -> Response:
    """Show a published deck, or one of the caller's, as a gallery."""
    wanted = canonical_uuid(deck_id)
    deck = await queries.gallery(reader, wanted) if wanted else None
    if deck is None or not (deck.status in SHARED or _may(caller, deck.user_id)):
        return pages.missing(request)
    found = await queries.tiles(reader, deck.id, Page(TILES + 1, (page - 1) * TILES))
    if deck.status not in SHARED:
        found = [_signed(tile, results) for tile in found]
    shown = [_tile(resources.settings, tile) for tile in found[:TILES]]
    sources = [source_of(resources.settings, tile.thumbnail_url or tile.url) for tile in found[:TILES]]
    values = {"deck": deck, "tiles": shown, "page": page, "more": len(found) > TILES}
    return pages.page("deck.html", values, csp=policy([], sources))


def _signed(tile: queries.Tile, results: ResultLinks) -> queries.Tile:
    url, thumbnail_url = results.of_output(tile.url, tile.thumbnail_url, tile.flat_file_id)
    return replace(tile, url=url, thumbnail_url=thumbnail_url)


def _tile(settings: Settings, tile: queries.Tile) -> dict[str, str | UUID | None]:
    """A picture where there is one, the first moment of a video, else a word for what it is."""
    kind = kind_of("completed", tile.mime_type, tile.url, None)
    picture = source_of(settings, tile.thumbnail_url or (tile.url if kind == "image" else None))
    film = source_of(settings, tile.url) if kind == "video" and picture is None else None
    return {
        "id": tile.id,
        "kind": kind,
        "picture": picture.address if picture else None,
        "film": film.address if film else None,
    }


def _may(caller: Caller | None, owner: UUID) -> bool:
    return caller is not None and (caller.is_service or caller.user_id == owner)


async def _text(resources: Resources, url: str) -> str | None:
    """Read a text of our storage, up to a size; None if it is elsewhere or gone."""
    key = key_of(resources.settings, url)
    if key is None or not is_shown(resources.settings, url):
        return None
    content = bytearray()
    try:
        async for chunk in resources.storage.stream(key, 0, MAX_TEXT):
            content += chunk
    except FileNotFoundError:
        return None
    return bytes(content).decode("utf-8", "replace")
