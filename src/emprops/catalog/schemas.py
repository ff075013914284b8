"""The shapes of models and custom nodes. A custom node's ``repositoryUrl``, ``createdAt`` and ``updatedAt`` are written
as its clients know them."""

from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field

from emprops.catalog.store import CustomNode, Model, NewCustomNode, NewModel

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


class ModelBody(BaseModel):
    """A new model file. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": MODEL_EXAMPLE})

    name: Name
    """The file's name, which requirements match on."""
    type: Short | None = None
    """What it is: checkpoint, lora, vae, …"""
    description: Long | None = None
    huggingface_id: Short | None = None
    download_url: WebAddress | None = None
    file_size_gb: Annotated[Decimal, Field(ge=0, lt=1_000_000, max_digits=12, decimal_places=6)] | None = None
    hash: Short | None = None
    auth_required: bool = False
    auth_provider: Literal["huggingface", "civitai"] | None = None
    save_path: Annotated[str, Field(max_length=1000)] | None = None
    dependencies: list[Any] = Field(default_factory=list, max_length=MAX_LIST)
    status: Short | None = None

    def new(self) -> NewModel:
        """Return what is stored."""
        return NewModel(**{field.name: getattr(self, field.name) for field in fields(NewModel)})


class ModelChange(ModelBody):
    """What to change of a model; what is not sent stays. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "retired"}})

    name: Name = Field(default_factory=str)
    auth_required: bool = Field(default_factory=bool)


class ModelView(BaseModel):
    """A model file that workflows may need."""

    id: UUID
    name: str
    type: str | None
    description: str | None
    huggingface_id: str | None
    status: str | None
    download_url: str | None
    file_size_gb: float | None
    hash: str | None
    auth_required: bool
    auth_provider: str | None
    save_path: str | None
    dependencies: list[Any]
    created_at: datetime
    updated_at: datetime


class CustomNodeBody(BaseModel):
    """A new custom node. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": NODE_EXAMPLE})

    name: Name
    repository_url: WebAddress | None = Field(
        default=None, validation_alias=AliasChoices("repositoryUrl", "repository_url")
    )
    description: Long | None = None
    branch: Short | None = None
    commit: Short | None = None
    recursive: bool = False
    """Whether its submodules are fetched too."""
    requirements: bool = False
    """Whether its Python requirements are installed."""
    env: dict[str, Any] | None = None
    is_default: bool = False
    install_order: Annotated[int, Field(ge=0, le=1_000_000)] | None = None

    def new(self) -> NewCustomNode:
        """Return what is stored."""
        return NewCustomNode(**{field.name: getattr(self, field.name) for field in fields(NewCustomNode)})


class CustomNodeChange(CustomNodeBody):
    """What to change of a custom node; what is not sent stays. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"commit": "0a1b2c3"}})

    name: Name = Field(default_factory=str)
    recursive: bool = Field(default_factory=bool)
    requirements: bool = Field(default_factory=bool)
    is_default: bool = Field(default_factory=bool)


class CustomNodeView(BaseModel):
    """A ComfyUI extension that workflows may need."""

    id: UUID
    name: str
    repository_url: str | None = Field(serialization_alias="repositoryUrl")
    description: str | None
    branch: str | None
    commit: str | None
    recursive: bool
    requirements: bool
    env: dict[str, Any] | None
    is_default: bool
    install_order: int | None
    created_at: datetime = Field(serialization_alias="createdAt")
    updated_at: datetime = Field(serialization_alias="updatedAt")


class NamesBody(BaseModel):
    """Names to look up, at most 200."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"names": ["sd_xl_base_1.0.safetensors", "4x_foolhardy.pth"]}}
    )

    names: list[Annotated[str, Field(max_length=255)]] = Field(max_length=MAX_BATCH)


class Deleted(BaseModel):
    """What was deleted."""

    name: str


class FoundModels(BaseModel):
    """Models in the order of the names, and the names that are unknown."""

    models: list[ModelView]
    not_found: list[str]


class FoundCustomNodes(BaseModel):
    """Custom nodes in the order of the names, and the names that are unknown."""

    custom_nodes: list[CustomNodeView]
    not_found: list[str]


def model_view(model: Model) -> ModelView:
    """Show a model."""
    return ModelView.model_validate(asdict(model))


def custom_node_view(node: CustomNode) -> CustomNodeView:
    """Show a custom node."""
    return CustomNodeView.model_validate(asdict(node))
