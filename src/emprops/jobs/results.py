"""What a finished step can be referred to as by the steps behind it. Pure."""

from typing import Any

from emprops.workflows.references import FileResult, StepResult


def result_of(output_data: dict[str, Any] | None, name: str) -> StepResult:
    """Read the stored result of the step that people call ``name``."""
    output = output_data or {}
    files = tuple(FileResult(file["url"], file.get("mime_type") or "") for file in output.get("files") or [])
    text = (output.get("data") or {}).get("text")
    return StepResult(files, text if isinstance(text, str) else None, name)
