"""What a finished step made, as it is stored with the step and as later steps can refer to it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from emprops.media.file_store import FileRow
from emprops.workflows.references import FileResult, StepResult


@dataclass(frozen=True, slots=True)
class StepOutput:
    """A step's ``output_data``: files as ``{id, url, mime_type}``, and data of any shape."""

    files: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Iterable[FileRow], data: Mapping[str, Any]) -> "StepOutput":
        """Return the output that these recorded files and this data are."""
        return cls([{"id": row.id, "url": row.url, "mime_type": row.mime_type} for row in files], dict(data))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> "StepOutput":
        """Read what is stored; of a step without a result an empty output."""
        stored = stored or {}
        return cls(stored.get("files") or [], stored.get("data") or {})

    def to_json(self) -> dict[str, Any]:
        """Return what is stored."""
        return {"files": self.files, "data": self.data}


def result_of(output_data: dict[str, Any] | None, name: str) -> StepResult:
    """Read the stored result of the step that people call ``name``."""
    output = StepOutput.from_json(output_data)
    files = tuple(FileResult(file["url"], file.get("mime_type") or "") for file in output.files)
    text = output.data.get("text")
    return StepResult(files, text if isinstance(text, str) else None, name)


def by_generation(
    results: Iterable[tuple[int, UUID]], files: Mapping[UUID, Iterable[FileRow]]
) -> dict[int, list[FileRow]]:
    """Gather the files of result steps, given as ``(generation, step id)``, by the generation they are of."""
    found: dict[int, list[FileRow]] = {}
    for generation, step_id in results:
        found.setdefault(generation, []).extend(files.get(step_id, ()))
    return found
