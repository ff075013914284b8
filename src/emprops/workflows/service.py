"""Workflow definitions: what is wrong with one, and who may make, change and delete them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation

from emprops.auth import foreign
from emprops.auth.caller import Caller
from emprops.auth.store import ensure_user
from emprops.catalog import service as catalog
from emprops.connectors.comfyui.catalogue import Catalogue
from emprops.connectors.fetch_api.definition import secret_names
from emprops.credits.prices import check_price
from emprops.errors import BadRequestError, ConflictError, NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.policies import queries as policies
from emprops.workflows import comfy_data, job_types, store
from emprops.workflows.comfy_data import Analysis, Prepared
from emprops.workflows.comfy_graph import Graph
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.store import Definition, WorkflowRow

API_KEY_WORDS = frozenset({"KEY", "SECRET", "TOKEN", "APIKEY"})
SHOWN_PROBLEMS = 3
SHOWN_COLLECTIONS = 20


class InvalidWorkflowError(BadRequestError):
    """A definition cannot be planned; ``details.problems`` lists everything that is wrong with it."""

    code = "invalid_workflow"

    def __init__(self, problems: list[str]) -> None:
        shown = "; ".join(problems[:SHOWN_PROBLEMS])
        more = f" (and {len(problems) - SHOWN_PROBLEMS} more)" if len(problems) > SHOWN_PROBLEMS else ""
        super().__init__(f"The workflow cannot be used: {shown}{more}.", extra={"details": {"problems": problems}})


@dataclass(frozen=True, slots=True)
class Needs:
    """Names of the models and custom nodes that a workflow needs; None: leave them as they are."""

    models: Sequence[str] | None = None
    custom_nodes: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a step is to cost, as ``data.credits`` has it; None: nothing."""

    definition: Any


@dataclass(frozen=True, slots=True)
class Analysed:
    """What a graph says about itself, and which of its models the catalog does not have."""

    analysis: Analysis
    unknown_models: Sequence[str]


@dataclass(frozen=True, slots=True)
class Saved:
    """A stored workflow; ``analysed`` if its graph was looked at for it."""

    row: WorkflowRow
    analysed: Analysed | None

    @property
    def graph(self) -> Graph:
        """The graph that was looked at; empty if there is none."""
        return {} if self.analysed is None else self.row.data["workflow"]


def check(kind: str, data: Any) -> list[str]:
    """Return everything that is wrong with a definition of that type, in sentences; nothing if it can be planned."""
    if kind not in KINDS:
        return [f"type must be one of {', '.join(KINDS)}, not {kind!r}"]
    return KINDS[kind].check(data) + check_price(data)


def requires_api_keys(kind: str, data: Any) -> bool:
    """Whether a definition needs keys of third parties: it says so, or names them in its requests."""
    if not isinstance(data, dict):
        return False
    names = secret_names(data.get("api")) if kind == "fetch_api" else set()
    return data.get("requires_api_keys") is True or any(API_KEY_WORDS & set(name.split("_")) for name in names)


async def create(
    tx: Transaction,
    caller: Caller,
    name: str,
    definition: Definition,
    needs: Needs,
    classes: Catalogue | None = None,
    saved: bytes | None = None,
    price: Price | None = None,
) -> Saved:
    """Check and store a new workflow of the caller. ``classes``: what is known of a graph's node classes; ``saved``:
    what the graph was converted from, packed; ``price``: in place of the one in its data.

    A graph's models that the catalog has are linked unless ``needs`` says which to link. Raises
    :class:`InvalidWorkflowError`, :class:`~emprops.errors.BadRequestError` naming models and custom nodes that do not
    exist, :class:`~emprops.policies.rules.MayNotBuildError`, and :class:`~emprops.errors.ConflictError` if the name is
    taken.
    """
    definition, prepared = _checked(definition, classes, price)
    await _check_builder(tx, caller.user_id, definition)
    await catalog.require(tx, models=needs.models or (), custom_nodes=needs.custom_nodes or ())
    if caller.user_id is not None:
        await ensure_user(tx, caller.user_id)
    workflow_id = new_id()
    if not await store.insert(tx, workflow_id, name, caller.user_id, definition):
        raise _taken(name)
    if saved is not None:
        await store.keep_saved(tx, workflow_id, saved)
    known = await _known_models(tx, prepared.analysis)
    await store.link_models(tx, workflow_id, sorted(known) if needs.models is None else needs.models)
    await store.link_custom_nodes(tx, workflow_id, needs.custom_nodes or ())
    return Saved(await _stored(tx, name), _analysed(prepared.analysis, known))


async def change(
    tx: Transaction,
    caller: Caller,
    name: str,
    changes: dict[str, Any],
    needs: Needs,
    classes: Catalogue | None = None,
    saved: bytes | None = None,
    price: Price | None = None,
    new_name: str | None = None,
) -> Saved:
    """Change one of the caller's workflows: the members of :class:`~emprops.workflows.store.Definition` in ``changes``.

    ``classes``: what is known of a new graph's node classes; ``saved``: what it was converted from. The price stays as
    it is without a ``price``, and with none in new data. Raises what :func:`create` does,
    :class:`~emprops.errors.NotFoundError` for a workflow that is unknown or not the caller's, and
    :class:`~emprops.errors.ConflictError` for a ``new_name`` of one that collections use.
    """
    row = await _own(tx, caller, name)
    kept = {field: getattr(row, field) for field in Definition.__dataclass_fields__}
    definition, prepared = _checked(Definition(**kept | changes), classes, price, Price(price_of(row.data)))
    await _check_builder(tx, row.user_id, definition)
    await catalog.require(tx, models=needs.models or (), custom_nodes=needs.custom_nodes or ())
    await store.update(tx, row.id, definition)
    if saved is not None or _graph_of(definition.data) != _graph_of(row.data):
        await store.keep_saved(tx, row.id, saved)
    if needs.models is not None:
        await store.link_models(tx, row.id, needs.models)
    if needs.custom_nodes is not None:
        await store.link_custom_nodes(tx, row.id, needs.custom_nodes)
    if new_name is not None and new_name != name:
        name = await _rename(tx, caller, row, new_name)
    known = await _known_models(tx, prepared.analysis)
    return Saved(await _stored(tx, name), _analysed(prepared.analysis, known))


async def remove(tx: Transaction, caller: Caller, name: str) -> WorkflowRow:
    """Delete one of the caller's workflows. Raises :class:`~emprops.errors.ConflictError` naming its collections."""
    row = await _own(tx, caller, name)
    await _check_unused(tx, caller, name)
    await store.delete(tx, row.id)
    return row


async def _check_builder(tx: Transaction, owner: UUID | None, definition: Definition) -> None:
    used = job_types.uses_of(definition.type, definition.data)
    if used is not None:
        (await policies.rules(tx)).check_builder(owner, *used)


def price_of(data: Any) -> Any:
    """Return what a workflow's data say a step costs; None if that is nothing."""
    return data.get("credits") if isinstance(data, dict) else None


async def _rename(tx: Transaction, caller: Caller, row: WorkflowRow, name: str) -> str:
    await _check_unused(tx, caller, row.name)
    try:
        await store.rename(tx, row.id, name)
    except UniqueViolation:
        raise _taken(name) from None
    return name


async def _check_unused(tx: Transaction, caller: Caller, name: str) -> None:
    using = await store.collections_using(tx, name, SHOWN_COLLECTIONS + 1)
    if using:
        shown = [item for item in using if caller.is_service or item.open or item.user_id == caller.user_id]
        shown = shown[:SHOWN_COLLECTIONS]
        named = ", ".join(f"{item.title} ({item.id})" for item in shown)
        others = "others" if len(shown) < len(using) else ""
        what = " and ".join(part for part in (named, others) if part)
        raise ConflictError(
            f"The workflow {name} is used by collections: {what}. Change or delete those first.",
            extra={"details": {"collections": [{"id": str(item.id), "title": item.title} for item in shown]}},
        )


def _checked(
    definition: Definition, classes: Catalogue | None, price: Price | None, usual: Price | None = None
) -> tuple[Definition, Prepared]:
    """Return what is stored. ``price`` stands in place of what the data say, ``usual`` where they say nothing."""
    is_graph = definition.type == "comfy_workflow"
    prepared = comfy_data.prepare(definition.data, classes) if is_graph else Prepared(definition.data)
    prepared = replace(prepared, data=_priced(prepared.data, price, usual))
    problems = check(definition.type, prepared.data)
    if problems:
        raise InvalidWorkflowError(problems)
    needs_keys = requires_api_keys(definition.type, prepared.data)
    return replace(definition, data=prepared.data, requires_api_keys=needs_keys), prepared


def _priced(data: Any, price: Price | None, usual: Price | None) -> Any:
    if not isinstance(data, dict):
        return data
    if price is None and "credits" not in data:
        price = usual
    if price is not None:
        data = data | {"credits": price.definition}
    return {name: value for name, value in data.items() if name != "credits" or value is not None}


def _graph_of(data: Any) -> Any:
    return data.get("workflow") if isinstance(data, dict) else None


async def _known_models(tx: Transaction, analysis: Analysis | None) -> set[str]:
    if analysis is None:
        return set()
    return await catalog.known_models(tx, [name for use in analysis.models for name in use.names])


def _analysed(analysis: Analysis | None, known: set[str]) -> Analysed | None:
    if analysis is None:
        return None
    unknown = [use.name for use in analysis.models if not known.intersection(use.names)]
    return Analysed(analysis, list(dict.fromkeys(unknown)))


async def _stored(tx: Transaction, name: str) -> WorkflowRow:
    row = await store.get(tx, name)
    assert row is not None  # noqa: S101 - this transaction has just written it
    return row


async def _own(tx: Transaction, caller: Caller, name: str) -> WorkflowRow:
    row = await store.get(tx, name, lock=True)
    if row is None or not (caller.is_service or (caller.user_id is not None and row.user_id == caller.user_id)):
        raise NotFoundError("You have no workflow of this name.")
    await foreign.note_change(tx, caller, row.user_id, f"workflow:{name}", "change")
    return row


def _taken(name: str) -> ConflictError:
    return ConflictError(f"There is a workflow named {name} already.")
