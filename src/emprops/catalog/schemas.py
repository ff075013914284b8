"""The shapes of models and custom nodes. A custom node's ``repositoryUrl``, ``createdAt`` and ``updatedAt`` are written
as its clients know them."""

from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field

from emprops.catalog.store import CustomNode, Model, NewCustomNode, NewModel
from emprops.kit.web.schema import Schema

MAX_BATCH = 200
MAX_LIST = 200


def _printable(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("must have no control characters, and no spaces around it")
    return text


def _web_address(text: str) -> str:
    if not text.startswith(("https://", "http://")) or not text.isprintable() or " " in text:
        raise ValueError("must be a URL that begins with https:// or http://")
    return text


Name = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
"""Of a model or a custom node."""
Short = Annotated[str, Field(max_length=255)]
Long = Annotated[str, Field(max_length=5000)]
WebAddress = Annotated[str, Field(max_length=2000), AfterValidator(_web_address)]

MODEL_EXAMPLE: dict[str, Any] = {
    "name": "sd_xl_base_1.0.safetensors",
    "type": "checkpoint",
    "description": "SDXL base",
    "download_url": "https://huggingface.co/stabilityai/sdxl/resolve/main/sd_xl_base_1.0.safetensors",
    "file_size_gb": 6.94,
    "save_path": "models/checkpoints",
}
NODE_EXAMPLE: dict[str, Any] = {
    "name": "ComfyUI-KJNodes",
    "repositoryUrl": "https://github.com/kijai/ComfyUI-KJNodes",
    "description": "Masks, curves and constants",
    "branch": "main",
    "requirements": True,
    "is_default": True,
    "install_order": 10,
}


class ModelBody(Schema):
    """A new model file. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": MODEL_EXAMPLE})

    name: Name
    """The file's name, which requirements match on."""
    type: Short | None = None
    """What it is: checkpoint, lora, vae, …"""
    description: Long | None = None
    huggingface_id: Short | None = None
    """Its repository at Hugging Face."""
    download_url: WebAddress | None = None
    """Where it can be downloaded."""
    file_size_gb: Annotated[Decimal, Field(ge=0, lt=1_000_000, max_digits=12, decimal_places=6)] | None = None
    """Its size, in gigabytes."""
    hash: Short | None = None
    """A checksum of the file."""
    auth_required: bool = False
    """Whether downloading it takes an account."""
    auth_provider: Literal["huggingface", "civitai"] | None = None
    """Whose account that is."""
    save_path: Annotated[str, Field(max_length=1000)] | None = None
    """Where machines keep it."""
    dependencies: list[Any] = Field(default_factory=list, max_length=MAX_LIST)
    """What else it needs."""
    status: Short | None = None
    """A word of yours about it."""

    def new(self) -> NewModel:
        """Return what is stored."""
        return NewModel(**{field.name: getattr(self, field.name) for field in fields(NewModel)})


class ModelChange(ModelBody):
    """What to change of a model; what is not sent stays. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "retired"}})

    name: Name = Field(default_factory=str)
    """The file's new name."""
    auth_required: bool = Field(default_factory=bool)
    """Whether downloading it takes an account."""


class ModelView(Schema):
    """A model file that workflows may need."""

    id: UUID
    name: str
    type: str | None
    """What it is: checkpoint, lora, vae, …"""
    description: str | None
    huggingface_id: str | None
    """Its repository at Hugging Face."""
    status: str | None
    """A word of its keeper's about it."""
    download_url: str | None
    """Where it can be downloaded."""
    file_size_gb: float | None
    """Its size, in gigabytes."""
    hash: str | None
    """A checksum of the file."""
    auth_required: bool
    """Whether downloading it takes an account."""
    auth_provider: str | None
    """Whose account that is."""
    save_path: str | None
    """Where machines keep it."""
    dependencies: list[Any]
    """What else it needs."""
    created_at: datetime
    updated_at: datetime


class CustomNodeBody(Schema):
    """A new custom node. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": NODE_EXAMPLE})

    name: Name
    repository_url: WebAddress | None = Field(
        default=None, validation_alias=AliasChoices("repositoryUrl", "repository_url")
    )
    """Its Git repository."""
    description: Long | None = None
    branch: Short | None = None
    """The branch to install."""
    commit: Short | None = None
    """The commit to install, in place of the newest."""
    recursive: bool = False
    """Whether its submodules are fetched too."""
    requirements: bool = False
    """Whether its Python requirements are installed."""
    env: dict[str, Any] | None = None
    """Environment variables that its installation needs."""
    is_default: bool = False
    """Whether every machine is to have it."""
    install_order: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Its turn among those that are installed; the lower, the sooner."""

    def new(self) -> NewCustomNode:
        """Return what is stored."""
        return NewCustomNode(**{field.name: getattr(self, field.name) for field in fields(NewCustomNode)})


class CustomNodeChange(CustomNodeBody):
    """What to change of a custom node; what is not sent stays. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"commit": "0a1b2c3"}})

    name: Name = Field(default_factory=str)
    recursive: bool = Field(default_factory=bool)
    """Whether its submodules are fetched too."""
    requirements: bool = Field(default_factory=bool)
    """Whether its Python requirements are installed."""
    is_default: bool = Field(default_factory=bool)
    """Whether every machine is to have it."""


class CustomNodeView(Schema):
    """A ComfyUI extension that workflows may need."""

    id: UUID
    name: str
    repository_url: str | None = Field(serialization_alias="repositoryUrl")
    """Its Git repository."""
    description: str | None
    branch: str | None
    """The branch to install."""
    commit: str | None
    """The commit to install, in place of the newest."""
    recursive: bool
    """Whether its submodules are fetched too."""
    requirements: bool
    """Whether its Python requirements are installed."""
    env: dict[str, Any] | None
    """Environment variables that its installation needs."""
    is_default: bool
    """Whether every machine is to have it."""
    install_order: int | None
    """Its turn among those that are installed; the lower, the sooner."""
    created_at: datetime = Field(serialization_alias="createdAt")
    """When it was added."""
    updated_at: datetime = Field(serialization_alias="updatedAt")
    """When it changed last."""


class NamesBody(Schema):
    """Names to look up, at most 200."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"names": ["sd_xl_base_1.0.safetensors", "4x_foolhardy.pth"]}}
    )

    names: list[Annotated[str, Field(max_length=255)]] = Field(max_length=MAX_BATCH)
    """The names to look up."""


class DeletedCatalogItem(Schema):
    """What was deleted."""

    name: str
    """Its name."""


class FoundModels(Schema):
    """Models in the order of the names, and the names that are unknown."""

    models: list[ModelView]
    """The models."""
    not_found: list[str]
    """Names that nothing has."""


class FoundCustomNodes(Schema):
    """Custom nodes in the order of the names, and the names that are unknown."""

    custom_nodes: list[CustomNodeView]
    not_found: list[str]
    """Names that nothing has."""


def model_view(model: Model) -> ModelView:
    """Show a model."""
    return ModelView.model_validate(asdict(model))


def custom_node_view(node: CustomNode) -> CustomNodeView:
    """Show a custom node."""
    return CustomNodeView.model_validate(asdict(node))
