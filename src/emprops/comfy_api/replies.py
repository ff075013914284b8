"""Jobs, results and events in the shapes of Comfy API v2. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from emprops.assets.queries import Asset
from emprops.comfy_api.links import Links
from emprops.comfy_api.queries import JobRow, ResultRow
from emprops.comfy_api.states import QUEUED, kind_of, progress_of, spoken, status_of

KEPT = timedelta(days=3650)
"""This API wants a date until which a job is kept. It is that of the first result that is removed; one that is kept for
good says it is kept for ten years."""
LINK_LIFE = timedelta(days=1)
"""It wants a date for links too. Ours last as long as the file, for those who may see that."""
HASH = "blake3:"
NODE_ERROR, OTHER_ERROR = "node_execution_error", "execution_failed"


def job_json(job: JobRow, links: Links, *, position: int | None = None, said: str = "") -> dict[str, Any]:
    """Return a job. ``said``: what its worker last said of its progress."""
    status = status_of(job.status, cancelled=job.cancelled)
    return {
        "id": job.id,
        "status": status,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "expires_at": job.results_expire_at or job.created_at + KEPT,
        "queue_position": position if status == QUEUED else None,
        "progress": _progress(job, status, said),
        "outputs": [output_json(made, str(job.id), links) for made in job.made],
        "error": _error(job) if status == "failed" else None,
        "metrics": {
            "queue_ms": _milliseconds(job.created_at, job.started_at),
            "execution_ms": _milliseconds(job.started_at, job.completed_at),
        },
        "metadata": job.labels,
        "urls": {
            "self": links.job(job.id),
            "events": links.job(job.id, "/events"),
            "cancel": links.job(job.id, "/cancel"),
        },
    }


def listed_json(job: JobRow, links: Links) -> dict[str, Any]:
    """Return a job of a list."""
    return job_json(job, links) | {"create_time": job.created_at, "update_time": job.updated_at}


def output_json(made: Mapping[str, Any], job_id: str, links: Links) -> dict[str, Any]:
    """Return a result; its id is that of our output."""
    return {
        "node_id": made["node"] or "",
        "name": made["name"],
        "type": kind_of(made["mime_type"]),
        "content_type": made["mime_type"],
        "size_bytes": made["size"],
        "id": made["id"],
        "hash": None,
        "url": links.content(made["id"]),
        "url_expires_at": datetime.now(UTC) + LINK_LIFE,
        "job_id": job_id,
    }


def result_json(result: ResultRow, links: Links) -> dict[str, Any]:
    """Return a result as an asset."""
    return {
        "id": result.id,
        "hash": None,
        "size_bytes": result.size,
        "content_type": result.mime_type,
        "file_path": result.name,
        "created_at": result.created_at,
        "url": links.content(result.id),
        "url_expires_at": datetime.now(UTC) + LINK_LIFE,
        "expires_at": result.expires_at,
        "job_id": result.job_id,
    }


def hash_of(asset: Asset) -> str:
    """Return the hash of an asset's content as this API writes it."""
    return f"{HASH}{asset.blake3}"


def asset_json(asset: Asset, links: Links, *, created_new: bool | None = None) -> dict[str, Any]:
    """Return a file that a user brought."""
    return {
        "id": asset.id,
        "hash": hash_of(asset),
        "size_bytes": asset.size_bytes,
        "content_type": asset.mime_type,
        "file_path": asset.name or None,
        "created_at": asset.created_at,
        "url": links.content(asset.id),
        "url_expires_at": datetime.now(UTC) + LINK_LIFE,
        "expires_at": asset.expires_at,
    } | ({} if created_new is None else {"created_new": created_new})


def _progress(job: JobRow, status: str, said: str) -> dict[str, Any] | None:
    progress = progress_of(status, job.progress, job.nodes)
    return progress if progress is None or job.graph is None else progress | spoken(job.graph, said)


def _error(job: JobRow) -> dict[str, Any]:
    about = job.failure or {}
    code = about.get("code")
    return {
        "code": NODE_ERROR if code == "node_error" else str(code or OTHER_ERROR),
        "message": job.error_message or "The job failed.",
        "node_id": about.get("node_id"),
        "class_type": about.get("class_type"),
        "traceback": None,
    }


def _milliseconds(begin: datetime | None, end: datetime | None) -> int | None:
    return None if begin is None or end is None else int((end - begin).total_seconds() * 1000)
