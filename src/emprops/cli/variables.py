"""Variables of the environment whose names begin like those of settings: which of them mean nothing."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from emprops.kit.nearest import did_you_mean

PREFIX = "EMPROPS_"
DATA_DIR = "EMPROPS_DATA_DIR"
SECRETS = "EMPROPS_SECRET_"
"""What workers fill into requests to HTTP APIs; the author of a workflow chooses the rest of the name."""
OTHERS = frozenset({
    "EMPROPS_URL", "EMPROPS_USER_ID", "EMPROPS_API_KEY", "EMPROPS_TOKEN",  # of commands that call an api
    "EMPROPS_PUBLISH",  # of the compose file
    "EMPROPS_TEST_POOLER",  # of the test suite
    "EMPROPS_MIGRATE_URL",  # of the child process that migrates
})  # fmt: skip


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return a sentence for each variable that looks like a setting and is none, with the name that was meant."""
    ours = {name.upper(): name for name in environment if name.upper().startswith(PREFIX)}
    if ours.keys() <= {*OTHERS, DATA_DIR}:
        return []  # as for most callers of an api, who need not wait for the settings
    known = {*_settings(), *OTHERS}
    return [
        f"{ours[name]} is not a setting, so it is ignored.{did_you_mean(name, known)}"
        for name in sorted(ours.keys() - known)
        if not name.startswith(SECRETS)
    ]


def data_dir(environment: Mapping[str, str]) -> Path:
    """Return the data folder as the settings have it, without the others."""
    given = (value for name, value in environment.items() if name.upper() == DATA_DIR and value)
    return Path(next(given, ".emprops"))


def _settings() -> Iterable[str]:
    from pydantic import AliasChoices  # noqa: PLC0415 - a tenth of a second

    from emprops.settings import Settings  # noqa: PLC0415

    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            yield from map(str, alias.choices)
        else:
            yield alias if isinstance(alias, str) else PREFIX + name.upper()
