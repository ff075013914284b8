"""SQL that writes assets, and what uses them."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from emprops.assets.queries import COLUMNS, Asset
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id


@dataclass(frozen=True, slots=True)
class NewFile:
    """Bytes that are, or will be, in storage under the key."""

    key: str
    blake3: str
    sha256: str
    size_bytes: int
    mime_type: str
    width: int | None
    height: int | None
    duration: float | None


@dataclass(frozen=True, slots=True)
class NewAsset:
    """What a user brought."""

    user_id: UUID
    source_blake3: str
    keeps_metadata: bool
    name: str
    life: float | None
    """Seconds; None: for good."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A file that there is."""

    id: UUID
    key: str


_RENEWED = """
    expires_at = CASE WHEN asset.expires_at IS NULL OR {given} IS NULL THEN NULL
                      ELSE greatest(asset.expires_at, {given}) END
"""


async def renew(tx: Transaction, new: NewAsset) -> Asset | None:
    """Return what the user brought before, kept at least as long as what they bring now; None if they did not."""
    asset_id: UUID | None = await tx.fetch_value(
        f"""
        UPDATE asset SET {_RENEWED.format(given="now() + make_interval(secs => %(life)s)")}
        WHERE user_id = %(user_id)s AND source_blake3 = %(source)s AND keeps_metadata = %(keeps)s RETURNING id
        """,
        {
            "user_id": new.user_id,
            "source": new.source_blake3,
            "keeps": new.keeps_metadata,
            "life": new.life,
        },
    )
    return None if asset_id is None else await _read(tx, asset_id)


async def lock_file(tx: Transaction, blake3: str) -> UUID | None:
    """Return the file with these bytes, if there is one; it stays until the transaction ends."""
    found: UUID | None = await tx.fetch_value("SELECT id FROM asset_file WHERE blake3 = %s FOR KEY SHARE", (blake3,))
    return found


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file of which a user has an asset."""

    id: UUID
    size_bytes: int


async def lock_file_of(tx: Transaction, user_id: UUID, blake3: str) -> OwnFile | None:
    """Return the file with these bytes, if the user has it; it stays until the transaction ends."""
    return await tx.fetch_one(
        OwnFile,
        """
        SELECT f.id, f.size_bytes FROM asset_file f
        WHERE f.blake3 = %s AND EXISTS (SELECT FROM asset a WHERE a.file_id = f.id AND a.user_id = %s)
        FOR KEY SHARE OF f
        """,
        (blake3, user_id),
    )


async def put_file(tx: Transaction, file: NewFile) -> tuple[UUID, str]:
    """Record stored bytes; returns the id of their file, and the key it has, which is another if somebody was first."""
    known = await tx.fetch_one(
        _Known,
        """
        INSERT INTO asset_file (id, key, blake3, sha256, size_bytes, mime_type, width, height, duration)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (blake3) DO UPDATE SET blake3 = excluded.blake3 RETURNING id, key
        """,
        (
            new_id(),
            file.key,
            file.blake3,
            file.sha256,
            file.size_bytes,
            file.mime_type,
            file.width,
            file.height,
            file.duration,
        ),
    )
    assert known is not None  # noqa: S101 - RETURNING of an upsert
    return known.id, known.key


async def put_asset(tx: Transaction, file_id: UUID, new: NewAsset) -> tuple[Asset, bool]:
    """Record that a user has a file; returns the asset, and whether it is new."""
    asset_id = new_id()
    kept_id: UUID = await tx.fetch_value(
        f"""
        INSERT INTO asset (id, user_id, file_id, source_blake3, keeps_metadata, name, size_bytes, expires_at)
        SELECT %(id)s, %(user_id)s, f.id, %(source)s, %(keeps)s, %(name)s, f.size_bytes,
               now() + make_interval(secs => %(life)s)
        FROM asset_file f WHERE f.id = %(file_id)s
        ON CONFLICT (user_id, source_blake3, keeps_metadata) DO UPDATE
        SET {_RENEWED.format(given="excluded.expires_at")} RETURNING id
        """,
        {
            "id": asset_id,
            "user_id": new.user_id,
            "file_id": file_id,
            "source": new.source_blake3,
            "keeps": new.keeps_metadata,
            "name": new.name,
            "life": new.life,
        },
    )
    return await _read(tx, kept_id), kept_id == asset_id


async def _read(tx: Transaction, asset_id: UUID) -> Asset:
    asset = await tx.fetch_one(
        Asset, f"SELECT {COLUMNS} FROM asset a JOIN asset_file f ON f.id = a.file_id WHERE a.id = %s", (asset_id,)
    )
    assert asset is not None  # noqa: S101 - just written
    return asset


async def lock(tx: Transaction, user_id: UUID, asset_id: UUID) -> Asset | None:
    """Lock one of the user's assets, so that no job can begin to use it."""
    return await tx.fetch_one(
        Asset,
        f"SELECT {COLUMNS} FROM asset a JOIN asset_file f ON f.id = a.file_id"
        f" WHERE a.id = %s AND a.user_id = %s FOR UPDATE OF a",
        (asset_id, user_id),
    )


async def lock_expired(tx: Transaction, *, after: UUID, limit: int) -> list[Asset]:
    """Lock assets whose time is over, without waiting for anybody; what somebody else holds is left for the next
    time."""
    return await tx.fetch_all(
        Asset,
        f"""
        SELECT {COLUMNS} FROM asset a JOIN asset_file f ON f.id = a.file_id
        WHERE a.expires_at <= now() AND a.id > %s ORDER BY a.id LIMIT %s FOR UPDATE OF a SKIP LOCKED
        """,
        (after, limit),
    )


async def in_use(tx: Transaction, asset: Asset, *, failed_days: float = 0.0) -> str | None:
    """Return what uses a locked asset, in words; None if nothing does. ``failed_days``: for how long a job that failed
    and may be retried counts."""
    found: str | None = await tx.fetch_value(
        """
        SELECT CASE
            WHEN EXISTS (SELECT FROM asset_use u JOIN job j ON j.id = u.job_id
                         WHERE u.asset_id = %(id)s AND (
                             j.status IN ('pending', 'processing') OR (
                                 j.status = 'failed' AND j.retry_count < j.max_retries
                                 AND j.completed_at > now() - make_interval(secs => 86400 * %(failed_days)s))))
                THEN 'a job that has not ended'
            WHEN EXISTS (SELECT FROM project p JOIN collection c ON c.project_id = p.id
                             LEFT JOIN collection_version v ON v.collection_id = c.id,
                             concat(c.data, ' ', v.data, ' ', c.cover_image_url, ' ', c.miniapp_cover_image) said
                         WHERE p.user_id = %(user_id)s
                         AND (strpos(said, %(id)s::text) > 0 OR strpos(said, %(key)s) > 0))
                THEN 'a collection'
            WHEN EXISTS (SELECT FROM output o WHERE o.user_id = %(user_id)s AND o.status <> 'hidden'
                         AND strpos(concat(o.url, ' ', o.thumbnail_url), %(id)s::text) > 0)
                THEN 'an output'
        END
        """,
        {"id": asset.id, "user_id": asset.user_id, "key": asset.key, "failed_days": failed_days},
    )
    return found


async def was_used(tx: Transaction, asset_id: UUID) -> bool:
    """Return whether any job took a locked asset."""
    return bool(await tx.fetch_value("SELECT EXISTS (SELECT FROM asset_use WHERE asset_id = %s)", (asset_id,)))


async def remove(tx: Transaction, asset_ids: Collection[UUID]) -> list[UUID]:
    """Remove locked assets; returns their files, each once."""
    ids = list(asset_ids)
    await tx.execute("DELETE FROM asset_use WHERE asset_id = ANY(%s)", (ids,))
    files = await tx.fetch_values("DELETE FROM asset WHERE id = ANY(%s) RETURNING file_id", (ids,))
    return sorted(set(files))


async def remove_unused_files(tx: Transaction, file_ids: Collection[UUID]) -> list[str]:
    """Remove those of these files that no asset has; returns their keys. Two statements: the second has to see what was
    there at the lock."""
    ids = list(file_ids)
    await tx.execute("SELECT FROM asset_file WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (ids,))
    return await tx.fetch_values(
        """
        DELETE FROM asset_file f WHERE id = ANY(%s) AND NOT EXISTS (SELECT FROM asset a WHERE a.file_id = f.id)
        RETURNING key
        """,
        (ids,),
    )


async def is_kept(reader: Transaction, key: str) -> bool:
    """Return whether a key in storage belongs to a file that some asset has."""
    return bool(await reader.fetch_value("SELECT EXISTS (SELECT FROM asset_file WHERE key = %s)", (key,)))


@dataclass(frozen=True, slots=True)
class Use:
    """An asset that a job takes."""

    job_id: UUID
    asset_id: UUID
    key: str


async def hold(tx: Transaction, user_id: UUID, asset_ids: Collection[UUID]) -> set[UUID]:
    """Return which of these are assets of the user; they stay until the transaction ends."""
    found = await tx.fetch_values(
        "SELECT a.id FROM asset a WHERE a.id = ANY(%s) AND a.user_id = %s ORDER BY a.id FOR KEY SHARE",
        (list(asset_ids), user_id),
    )
    return set(found)


async def record_uses(tx: Transaction, job_id: UUID, asset_ids: Collection[UUID]) -> None:
    """Record that a job takes these assets, so that they stay while it may run."""
    if not asset_ids:
        return
    await tx.execute(
        "INSERT INTO asset_use (asset_id, job_id) SELECT unnest(%s::uuid[]), %s ON CONFLICT DO NOTHING",
        (sorted(asset_ids), job_id),
    )


async def uses_of(reader: Transaction, job_ids: Collection[UUID]) -> list[Use]:
    """Return the assets that these jobs take, with where they are stored."""
    return await reader.fetch_all(
        Use,
        """
        SELECT u.job_id, u.asset_id, f.key
        FROM asset_use u JOIN asset a ON a.id = u.asset_id JOIN asset_file f ON f.id = a.file_id
        WHERE u.job_id = ANY(%s)
        """,
        (list(job_ids),),
    )
