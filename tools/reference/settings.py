"""The page of settings, from the fields, docstrings and section comments of ``settings.py``."""

import ast
import re
from collections import defaultdict
from typing import Any

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from emprops.settings import Settings
from tools.reference.markdown import SOURCE, one_line, page, table

INTRODUCTION = (
    "Every setting is an environment variable, read once when a process starts. Durations are in seconds, sizes in"
    " bytes. An unset variable means its default."
)


def documented() -> tuple[dict[str, str], dict[str, str]]:
    """Return the section and the docstring of each field."""
    text = (SOURCE / "settings.py").read_text()
    lines = text.splitlines()
    [settings] = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == "Settings"]
    sections: dict[str, str] = {}
    docs: dict[str, str] = {}
    for node, after in zip(settings.body, [*settings.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        above = [found[1] for line in lines[: node.lineno] if (found := re.fullmatch(r"\s+# --- (.*)", line))]
        sections[node.target.id] = above[-1] if above else "general"
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            docs[node.target.id] = one_line(str(after.value.value))
    return sections, docs


def _name(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"EMPROPS_{name.upper()}"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is PydanticUndefined or value is None or value == "":
        return "unset"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def page_of(sections: dict[str, str], docs: dict[str, str]) -> str:
    """Return the page. Raises ``ValueError`` if a setting does not say what it means."""
    if missing := ", ".join(name for name in Settings.model_fields if name not in docs):
        raise ValueError(f"These settings need a docstring that says what they mean: {missing}.")
    rows: dict[str, list[list[str]]] = defaultdict(list)
    for name, field in Settings.model_fields.items():
        rows[sections[name]].append([f"`{_name(name, field)}`", _default(field), docs[name]])
    parts = [
        f"## {title[0].upper()}{title[1:]}\n\n" + table(["variable", "default", "meaning"], found)
        for title, found in rows.items()
    ]
    return page("Settings", INTRODUCTION, *parts)


def make() -> str:
    """Return the page of settings."""
    return page_of(*documented())
