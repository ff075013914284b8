"""What a finished step can be referred to as by the steps behind it. Pure."""

from typing import Any

from emprops.workflows.references import StepResult


def result_of(output_data: dict[str, Any] | None) -> StepResult:
    """Read a step's stored result: a file by its URL, a text by itself."""
    output = output_data or {}
    files = output.get("files") or []
    text = (output.get("data") or {}).get("text")
    return StepResult(url=files[0]["url"] if files else None, text=text if isinstance(text, str) else None)
