"""Reads on a user's own outputs over all collections: filters, words, stars and tags.

Two reads: the ids of a page, along an index in the order of the list; then all that is shown of those.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.cursors import MAX_COUNTED, Seek
from emprops.outputs.queries import ITEM, OutputRow

FEW = 2_000
"""So many outputs are found by their words and then put into order. Where there are more, a short walk along the list
fills a page. The planner cannot choose between the two: it takes a word that it has not seen for a common one."""
WORDS = "s.words @@ words_wanted(%(user_id)s, %(text)s)"
MATCHED = f"matched AS MATERIALIZED (SELECT s.output_id FROM output_search s WHERE {WORDS})"
"""Found in the index. Next to a limit, the planner would rather read the whole table: it takes every word for a common
one, and expects to meet enough of it soon."""
MAX_EXCERPT = 300
"""Characters of a prompt in lists."""
MAX_TAGS_LISTED = 1_000

# the variables as they were used, else as they were sent, else what a client says of its output
VARIABLES = """
    CASE 'object' WHEN jsonb_typeof(j.data #> ARRAY['generations', o.generation::text, 'variables'])
                  THEN j.data #> ARRAY['generations', o.generation::text, 'variables']
                  WHEN jsonb_typeof(o.input_metadata -> 'variables') THEN o.input_metadata -> 'variables'
                  WHEN jsonb_typeof(o.input_metadata) THEN o.input_metadata
                  ELSE '{}'::jsonb END
"""


@dataclass(frozen=True, slots=True)
class LibraryRow(OutputRow):
    """An output as its owner's list shows it."""

    collection_title: str
    collection_slug: str | None
    width: int | None
    height: int | None
    duration: float | None
    progress: float | None
    prompt: str | None
    seed: Decimal | None
    starred: bool
    tags: list[str]


@dataclass(frozen=True, slots=True)
class LibraryFilter:
    """What the list is narrowed to; each that is given must hold."""

    collection_id: UUID | None = None
    deck_id: UUID | None = None
    status: str | None = None
    source: str | None = None
    media_type: str | None = None
    """What MIME types begin with: ``image``, ``video``, ``audio`` or ``text``."""
    since: datetime | None = None
    until: datetime | None = None
    """Not at that time any more."""
    starred: bool | None = None
    tags: tuple[str, ...] = ()
    """All of them."""
    hidden: bool = False
    """Those that the owner hid, instead of the others."""
    text: str | None = None
    """Words, or beginnings of words, that all occur in what an output was made from."""
    sort: Literal["newest", "oldest"] = "newest"

    def conditions(self) -> list[str]:
        """Return the SQL, but that of words."""
        parts = ["o.user_id = %(user_id)s", "o.hidden_by = 'owner'" if self.hidden else "o.status <> 'hidden'"]
        for name in ("collection_id", "deck_id", "status", "source"):
            if getattr(self, name) is not None:
                parts.append(f"o.{name} = %({name})s")
        if self.media_type is not None:
            parts.append("split_part(o.mime_type, '/', 1) = %(media_type)s")
        if self.since is not None:
            parts.append("o.created_at >= %(since)s")
        if self.until is not None:
            parts.append("o.created_at < %(until)s")
        if self.starred is not None:
            parts.append("o.starred" if self.starred else "NOT o.starred")
        return parts

    def values(self) -> dict[str, Any]:
        """Return the values for the SQL."""
        names = ("collection_id", "deck_id", "status", "source", "media_type", "since", "until", "text")
        return {name: getattr(self, name) for name in names} | {f"tag{n}": tag for n, tag in enumerate(self.tags)}


async def library_of(reader: Transaction, user_id: UUID, wanted: LibraryFilter, seek: Seek) -> list[LibraryRow]:
    """List a user's outputs, one more than asked for if there are more."""
    few = await _with_words(reader, user_id, wanted.text)
    time, key = ("t.created_at", "t.output_id") if wanted.tags else ("o.created_at", "o.id")
    way, beyond = ("DESC", "<") if wanted.sort == "newest" else ("ASC", ">")
    where = [*wanted.conditions(), *_tagged(wanted)]
    if wanted.text is not None:
        # ``OFFSET 0``: asked of each output on the way, not of all of them before
        where.append(
            "o.id = ANY(%(few)s)"
            if few is not None
            else f"EXISTS (SELECT FROM output_search s WHERE s.output_id = o.id AND {WORDS} OFFSET 0)"
        )
    if seek.after is not None:
        where.append(f"({time}, {key}) {beyond} (%(at)s, %(id)s)")
    at, id_ = seek.after or (None, None)
    ids: list[UUID] = await reader.fetch_values(
        f"""
        SELECT o.id FROM {_source(wanted)} WHERE {" AND ".join(where)}
        ORDER BY {time} {way}, {key} {way} LIMIT %(limit)s OFFSET %(offset)s
        """,
        {
            **wanted.values(),
            "user_id": user_id,
            "few": few,
            "at": at,
            "id": id_,
            "limit": seek.page.limit + 1,
            "offset": seek.page.offset,
        },
    )
    return await _rows(reader, ids)


async def count_library(reader: Transaction, user_id: UUID, wanted: LibraryFilter) -> int:
    """Count a user's outputs, up to one more than :data:`MAX_COUNTED`."""
    few = await _with_words(reader, user_id, wanted.text)
    where, source, matched = [*wanted.conditions(), *_tagged(wanted)], _source(wanted), ""
    if few is not None:
        where.append("o.id = ANY(%(few)s)")
    elif wanted.text is not None:
        # here from the words on: a walk along the list would be as long as the list
        source += " JOIN matched ON matched.output_id = o.id"
        matched = f"WITH {MATCHED}"
    counted: int = await reader.fetch_value(
        f"{matched} SELECT count(*) FROM (SELECT FROM {source} WHERE {' AND '.join(where)} LIMIT %(most)s) found",
        {**wanted.values(), "user_id": user_id, "few": few, "most": MAX_COUNTED + 1},
    )
    return counted


async def tags_of_user(reader: Transaction, user_id: UUID) -> list[tuple[str, int]]:
    """Return a user's tags and how many visible outputs have each, the most frequent first."""
    rows = await reader.fetch_dicts(
        """
        SELECT tag, count(*) AS count FROM output_tag t JOIN output o ON o.id = t.output_id AND o.status <> 'hidden'
        WHERE t.user_id = %s GROUP BY tag ORDER BY count DESC, tag LIMIT %s
        """,
        (user_id, MAX_TAGS_LISTED),
    )
    return [(row["tag"], row["count"]) for row in rows]


def _source(wanted: LibraryFilter) -> str:
    """Return what to walk along: the first tag's outputs if there is one, else all."""
    return "output_tag t JOIN output o ON o.id = t.output_id" if wanted.tags else "output o"


def _tagged(wanted: LibraryFilter) -> list[str]:
    if not wanted.tags:
        return []
    also = [
        f"EXISTS (SELECT FROM output_tag x WHERE x.output_id = o.id AND x.tag = %(tag{n})s)"
        for n in range(1, len(wanted.tags))
    ]
    return ["t.user_id = %(user_id)s", "t.tag = %(tag0)s", *also]


async def _with_words(reader: Transaction, user_id: UUID, text: str | None) -> list[UUID] | None:
    found = [] if text is None else await with_words(reader, user_id, text)
    return None if text is None or len(found) > FEW else found


async def with_words(reader: Transaction, user_id: UUID, text: str) -> list[UUID]:
    """Return the user's outputs that have all of these words, whatever their order; more than :data:`FEW` of them means
    that there are many, and that the list is found sooner by walking it."""
    return await reader.fetch_values(
        f"WITH {MATCHED} SELECT output_id FROM matched LIMIT %(most)s",
        {"user_id": user_id, "text": text, "most": FEW + 1},
    )


async def _rows(reader: Transaction, ids: list[UUID]) -> list[LibraryRow]:
    """Read all that is shown, in the order of the ids."""
    rows = await reader.fetch_all(
        LibraryRow,
        f"""
        SELECT {ITEM}, c.title AS collection_title, c.slug AS collection_slug, f.width, f.height, f.duration,
               CASE WHEN o.status IN ('pending', 'processing') THEN j.progress END AS progress, said.prompt, said.seed,
               o.starred, ARRAY(SELECT tag FROM output_tag WHERE output_id = o.id ORDER BY tag) AS tags
        FROM output o JOIN collection c ON c.id = o.collection_id LEFT JOIN deck d ON d.id = o.deck_id
        LEFT JOIN flat_file f ON f.id = o.flat_file_id LEFT JOIN job j ON j.id = o.job_id
        CROSS JOIN LATERAL (
            SELECT (array_agg(left(value #>> '{{}}', {MAX_EXCERPT}) ORDER BY lower(key) = 'prompt' DESC,
                              key ILIKE '%%prompt%%' AND key NOT ILIKE '%%negative%%' DESC, length(value::text) DESC)
                    FILTER (WHERE jsonb_typeof(value) = 'string' AND value #>> '{{}}' !~* '^(https?|ipfs|data|asset):'
                            AND value #>> '{{}}' !~ '^[-+.0-9[:space:]]*$'
                            AND key NOT LIKE 'source\\_%%'))[1] AS prompt,
                   min(CASE WHEN lower(key) IN ('seed', 'noise_seed') AND jsonb_typeof(value) = 'number'
                       THEN (value #>> '{{}}')::numeric END) AS seed
            FROM jsonb_each({VARIABLES})
        ) said
        WHERE o.id = ANY(%s)
        """,
        (ids,),
    )
    found = {row.id: row for row in rows}
    return [found[output_id] for output_id in ids if output_id in found]
