"""The shapes of collection and project requests and replies; those of simple ones are in ``simple_schemas.py``."""

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from emprops.collections.examples import DATA, ITEM, PUBLIC
from emprops.collections.store import Collection, Working
from emprops.kit.names import visible
from emprops.kit.web.schema import Schema

PRICE_DIGITS = 15
"""Most digits of a price, so that it is exact as a JSON number."""
NUMERAL = re.compile(r"\d+(\.\d+)?", re.ASCII)
MAX_EDITIONS = 2**31 - 1
SCHEMES = ("https://", "http://", "ipfs://")

Status = Literal["draft", "published"]
MediaType = Literal["image", "video", "text"]


def _price(value: Any) -> Any:
    is_text = isinstance(value, str) and NUMERAL.fullmatch(value.strip())
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    try:
        price = Decimal(str(value).strip()) if is_text or is_number else Decimal("NaN")
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or price < 0:
        raise ValueError('must be a number from 0 on, such as 1.5 or "1.5"')
    _, digits, exponent = price.normalize().as_tuple()
    if not isinstance(exponent, int) or max(len(digits), -exponent, len(digits) + exponent) > PRICE_DIGITS:
        raise ValueError(f"must have at most {PRICE_DIGITS} digits")
    return price


def _editions(value: Any) -> int:
    is_text = isinstance(value, str) and re.fullmatch(r"\d{1,10}", value.strip(), re.ASCII)
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not (is_text or is_whole) or not 0 <= int(value) <= MAX_EDITIONS:
        raise ValueError('must be a whole number from 0 on, such as 10 or "10"')
    return int(value)


def lower(value: Any) -> Any:
    """Return a text in small letters, and anything else as it is, for the type to refuse."""
    return value.lower() if isinstance(value, str) else value


def _address(value: str) -> str:
    if not value.lower().startswith(SCHEMES):
        raise ValueError("must be a URL that begins with https://, http:// or ipfs://")
    return value


Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(visible)]
Description = Annotated[str, Field(max_length=10_000)]
Price = Annotated[Decimal, BeforeValidator(_price, json_schema_input_type=str | float)]
Editions = Annotated[int, BeforeValidator(_editions, json_schema_input_type=str | int)]
Address = Annotated[str, Field(max_length=2048), AfterValidator(_address)]
Blockchain = Annotated[Literal["ethereum", "base", "tezos"], BeforeValidator(lower)]


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


Number = Annotated[int | float, BeforeValidator(_number)]


class ProjectBody(Schema):
    """A project to make, or its new name. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Harbours"}})

    name: Title


class ProjectView(Schema):
    """A project: a user's container of collections."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    is_default: bool
    """Where collections go that name no project."""
    version: str
    """The form its collections' data have."""
    created_at: datetime
    updated_at: datetime


class CollectionBody(Schema):
    """A collection to make. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"title": "Quiet Harbours", "data": DATA}})

    title: Title
    description: Description = ""
    data: dict[str, Any]
    """The instruction set. Steps keep the ids that are sent: whole numbers, each once."""
    blockchain: Blockchain | None = None
    price: Price = Decimal(0)
    """In credits, for each generation, on top of what its steps cost; with a ``blockchain`` in its currency, for an
    edition: shown, and never charged here."""
    editions: Editions = 1
    cover_image_url: Address | None = None
    miniapp_cover_image: Address | None = None
    cast_hash: str | None = Field(default=None, max_length=200)
    is_public: bool = False
    """Listed for everybody once it is published."""


class CollectionInProjectBody(CollectionBody):
    """A collection to make, in a project if one is named."""

    project_id: UUID | None = None


class CollectionChanges(Schema):
    """What to change of a collection; what is not sent stays. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"title": "Quiet Harbours", "price": 1.5}})

    # factories, so that the API's description shows no defaults where there are none
    title: Title = Field(default_factory=str)
    description: Description = Field(default_factory=str)
    data: dict[str, Any] = Field(default_factory=dict)
    """Of a published collection it takes effect with the next publish."""
    blockchain: Blockchain | None = None
    price: Price = Field(default_factory=Decimal)
    """In credits, for each generation, on top of what its steps cost; with a ``blockchain`` in its currency, for an
    edition: shown, and never charged here."""
    editions: Editions = Field(default_factory=int)
    cover_image_url: Address | None = None
    miniapp_cover_image: Address | None = None
    cast_hash: str | None = Field(default=None, max_length=200)
    is_public: bool = Field(default_factory=bool)


class PublishBody(Schema):
    """What to publish. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"version": 1}})

    version: Annotated[int | None, Field(ge=1, le=2**31 - 1, strict=True)] = None
    """Publish this version's data again; unless sent, what is being worked on."""


class GlobalBody(Schema):
    """What a global collection takes and gives."""

    model_config = ConfigDict(json_schema_extra={"example": {"input_type": "image", "output_type": "video"}})

    is_global: bool = True
    """Whether everybody may develop outputs with it."""
    input_type: MediaType | None = None
    """What it takes; unless given, as before."""
    output_type: MediaType | None = None
    """What it makes; unless given, as before."""


class PublicCollection(Schema):
    """A published collection as everybody sees it."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": PUBLIC})

    id: UUID
    title: str
    description: str
    blockchain: str | None
    price: Number
    """In credits, for each generation, on top of what its steps cost; with a ``blockchain`` in its currency, for an
    edition: shown, and never charged here."""
    editions: int
    status: Status
    cover_image_url: str | None
    miniapp_cover_image: str | None
    cast_hash: str | None
    is_custodial: bool
    custodied_for: UUID | None
    """The social link it is held for."""
    is_public: bool
    is_global: bool
    input_type: MediaType | None
    output_type: MediaType | None
    version: int
    """Grows with each published change."""
    slug: str | None
    """A short name that may stand for the id."""
    created_at: datetime
    published_at: datetime | None


class CollectionItem(PublicCollection):
    """One of the caller's collections in a list."""

    model_config = ConfigDict(json_schema_extra={"example": ITEM})

    project_id: UUID
    archived: bool
    """Whether it is put away."""
    updated_at: datetime


class CollectionView(CollectionItem):
    """One of the caller's collections by itself."""

    model_config = ConfigDict(json_schema_extra={"example": {**ITEM, "data": DATA, "has_unpublished_changes": False}})

    data: Any
    """The instruction set being worked on."""
    has_unpublished_changes: bool
    """It is published, and ``data`` is not what was published."""


DevelopType = Literal["image", "video", "text"]
"""What global collections take and make."""


class GlobalCollectionView(Schema):
    """A collection with which outputs can be developed."""

    id: UUID
    title: str
    description: str
    input_type: DevelopType
    output_type: DevelopType
    cover_image_url: str | None


class CollectionVersionView(Schema):
    """A published state of a collection."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    """Its number, from 1."""
    created_at: datetime
    """When it was published."""
    is_current: bool
    """Generations that start now use it."""


class CollectionVersionDataView(CollectionVersionView):
    """A published state of a collection with its instruction set."""

    data: Any
    """The instruction set that was published."""


def view_of(collection: Collection) -> CollectionView | PublicCollection:
    """Show what a caller may see of a collection: all of their own, the public view of any other."""
    shape = CollectionView if isinstance(collection, Working) else PublicCollection
    return shape.model_validate(collection)
