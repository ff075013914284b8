"""SQL of what owners do to outputs that there are: hide, bring back, move, star and tag, many in one statement."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.outputs.states import BRING_BACK, HiddenBy


@dataclass(frozen=True, slots=True)
class Arranged:
    """An output, locked."""

    id: UUID
    user_id: UUID
    collection_id: UUID
    deck_id: UUID | None
    job_id: UUID | None
    status: str
    custodied_for: UUID | None
    source_output_id: UUID | None
    flat_file_id: int | None
    url: str | None
    error_message: str | None
    completed_at: datetime | None
    hidden_by: HiddenBy | None
    is_over: bool
    """Its time is over."""


async def lock_all(tx: Transaction, output_ids: Collection[UUID]) -> dict[UUID, Arranged]:
    """Lock outputs in the order of their ids."""
    rows = await tx.fetch_all(
        Arranged,
        """
        SELECT id, user_id, collection_id, deck_id, job_id, status, custodied_for, source_output_id, flat_file_id, url,
               error_message, completed_at, hidden_by, coalesce(expires_at <= now(), false) AS is_over
        FROM output WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
        """,
        (list(output_ids),),
    )
    return {row.id: row for row in rows}


@dataclass(frozen=True, slots=True)
class Ties:
    """The jobs and the files of outputs, which are locked before these."""

    jobs: list[UUID]
    files: list[int]


async def ties_of(tx: Transaction, output_ids: Collection[UUID], owner: UUID | None) -> Ties:
    """Return the jobs and files of a user's outputs, or of anyone's."""
    rows = await tx.fetch_dicts(
        "SELECT job_id, flat_file_id FROM output WHERE id = ANY(%s) AND (%s::uuid IS NULL OR user_id = %s)",
        (list(output_ids), owner, owner),
    )
    return Ties(
        jobs=sorted({row["job_id"] for row in rows} - {None}),
        files=sorted({row["flat_file_id"] for row in rows} - {None}),
    )


async def files_shown(tx: Transaction, file_ids: Collection[int]) -> set[int]:
    """Return those of these locked files that an output shows."""
    return set(
        await tx.fetch_values(
            "SELECT flat_file_id FROM output WHERE flat_file_id = ANY(%s) AND status <> 'hidden'", (list(file_ids),)
        )
    )


async def withdraw(tx: Transaction, output_ids: Collection[UUID]) -> None:
    """Keep owners from bringing back hidden outputs."""
    await tx.execute(
        "UPDATE output SET hidden_by = 'operator' WHERE id = ANY(%s) AND status = 'hidden'", (list(output_ids),)
    )


async def bring_back(tx: Transaction, states: Mapping[UUID, str], message: str) -> None:
    """Make hidden outputs visible again, each in the state given; ``message`` says why those failed that are new to
    it."""
    await tx.execute(
        """
        UPDATE output SET status = back.status, hidden_by = NULL, updated_at = now(),
               error_message = CASE back.status WHEN 'failed' THEN coalesce(error_message, %(message)s) END
        FROM unnest(%(ids)s::uuid[], %(states)s::text[]) AS back (id, status)
        WHERE output.id = back.id AND output.status = ANY(%(from)s)
        """,
        {"ids": list(states), "states": list(states.values()), "message": message, "from": list(BRING_BACK)},
    )


async def place(tx: Transaction, output_ids: Sequence[UUID], deck_id: UUID | None, position: int | None) -> None:
    """Put outputs at the positions of a deck that follow from ``position``, in this order; or into no deck."""
    await tx.execute(
        """
        UPDATE output SET deck_id = %(deck_id)s, position = %(position)s::int + placed.n::int - 1, updated_at = now()
        FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS placed (id, n) WHERE output.id = placed.id
        """,
        {"ids": list(output_ids), "deck_id": deck_id, "position": position},
    )


async def star(tx: Transaction, output_ids: Collection[UUID], *, starred: bool) -> list[UUID]:
    """Star outputs, or unstar them. Returns those that changed."""
    return await tx.fetch_values(
        "UPDATE output SET starred = %(starred)s WHERE id = ANY(%(ids)s) AND starred <> %(starred)s RETURNING id",
        {"ids": list(output_ids), "starred": starred},
    )


async def tags_of(tx: Transaction, output_ids: Collection[UUID]) -> dict[UUID, set[str]]:
    """Return the tags of outputs; those without any are missing."""
    rows = await tx.fetch_dicts(
        "SELECT output_id, array_agg(tag) AS tags FROM output_tag WHERE output_id = ANY(%s) GROUP BY output_id",
        (list(output_ids),),
    )
    return {row["output_id"]: set(row["tags"]) for row in rows}


async def add_tags(tx: Transaction, output_ids: Collection[UUID], tags: Collection[str]) -> None:
    """Tag outputs; what they have stays."""
    await tx.execute(
        """
        INSERT INTO output_tag (output_id, tag, user_id, created_at)
        SELECT o.id, tag, o.user_id, o.created_at FROM output o CROSS JOIN unnest(%s::text[]) AS tag
        WHERE o.id = ANY(%s) ON CONFLICT DO NOTHING
        """,
        (list(tags), list(output_ids)),
    )


async def remove_tags(tx: Transaction, output_ids: Collection[UUID], tags: Collection[str]) -> None:
    """Take tags off outputs."""
    await tx.execute(
        "DELETE FROM output_tag WHERE output_id = ANY(%s) AND tag = ANY(%s)", (list(output_ids), list(tags))
    )
