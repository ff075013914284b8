"""The shapes of the request for a simple collection and its reply."""

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field

from emprops.collections.schemas import Address, Description, Editions, Number, Price, Status, Title, lower
from emprops.collections.store import Working
from emprops.collections.variables import MAX_DEFINITIONS, MAX_OPTIONS
from emprops.custody.service import SocialLink
from emprops.kit.web.schema import Schema

SIMPLE_VARIABLE: dict[str, Any] = {
    "name": "subject",
    "template_mapping": "subject",
    "options": ["a fox", "an owl"],
    "is_selectable": True,
    "is_customizable": False,
}
TEMPLATE: dict[str, Any] = {"messages": [{"role": "user", "content": "Describe {{subject}}."}]}


class SimpleVariableBody(Schema):
    """A variable of a simple collection."""

    name: str = Field(max_length=200)
    """What `generate` calls it."""
    template_mapping: str = Field(max_length=200)
    """The placeholder of the template that it feeds: `subject` or `{{subject}}`."""
    options: list[Annotated[str, Field(min_length=1)]] | None = Field(default=None, max_length=MAX_OPTIONS)
    """The values it may take; unless given, any."""
    is_selectable: bool | None = None
    """Whether users choose among the options; if not, chance does."""
    is_customizable: bool | None = None
    """Whether users may send a value of their own."""


class SimpleDetails(Schema):
    """What a simple collection is, and for whom it is held."""

    title: Title
    description: Description
    social_org: Literal["farcaster", "twitter"]
    social_identifier: str = Field(max_length=200)
    blockchain: Annotated[Literal["tezos", "base"], BeforeValidator(lower)] = "tezos"
    """Where editions are sold."""
    price: Price = Decimal(0)
    """Of an edition, in the currency of the blockchain: shown, and never charged here."""
    editions: Editions = 1
    cover_image_url: Address | None = None
    miniapp_user_id: str | None = Field(default=None, max_length=200)
    miniapp_cover_image: Address | None = None
    cast_hash: str | None = Field(default=None, max_length=200)
    project_id: UUID | None = None
    """The caller's default project unless given."""


class SimpleCollectionBody(Schema):
    """A simple collection to make. Unknown fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "collection_details": {
                    "title": "Animals",
                    "description": "A sentence about an animal.",
                    "social_org": "farcaster",
                    "social_identifier": "vitalik",
                    "price": "0",
                    "editions": 1,
                },
                "variables": [SIMPLE_VARIABLE],
                "job_type": "openai_chat",
                "template_json": TEMPLATE,
            }
        }
    )

    collection_details: SimpleDetails
    """What the collection is, and for whom."""
    variables: list[SimpleVariableBody] = Field(max_length=MAX_DEFINITIONS)
    """What of the template users may set."""
    job_type: str = Field(max_length=200)
    """The job type that runs it, such as `openai_chat`."""
    template_json: Any
    """The payload of the job: an object in whose texts `{{placeholders}}` may stand."""


class SimpleSocialLink(Schema):
    """A social identity."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    social_org: str
    social_identifier: str
    miniapp_user_id: str | None


class SimpleVariableView(Schema):
    """A variable as it was sent, and what it became in the collection."""

    name: str
    """What `generate` calls it."""
    template_mapping: str
    """The placeholder that it feeds."""
    options: list[str]
    """The values it may take; none: any."""
    is_selectable: bool | None
    """As it was sent."""
    is_customizable: bool | None
    """As it was sent."""
    type: str
    """The type of the collection's variable."""
    value_type: str
    """What its values are."""
    value: Any
    """Its value when none is sent."""
    lock_value: bool
    """Whether users cannot set it."""
    test_value: Any
    """A good example."""


class SimpleComponent(Schema):
    """The one step of a simple collection."""

    type: Literal["dynamic_json"] = "dynamic_json"
    """The step is a template."""
    job_type: str
    template: Any
    """The template, as it was sent."""


class SimpleCollectionView(Schema):
    """A simple collection that was made."""

    id: UUID
    title: str
    description: str
    blockchain: str | None
    """Where editions are sold."""
    price: Number
    """Of an edition, in the currency of the blockchain."""
    editions: int
    status: Status
    is_custodial: bool
    custodied_for: UUID | None
    """The social link it is held for."""
    social_link: SimpleSocialLink
    """The identity it was made for."""
    variables: list[SimpleVariableView]
    """Its variables, as sent and as stored."""
    component: SimpleComponent
    """Its one step."""


def simple_view_of(collection: Working, link: SocialLink, body: SimpleCollectionBody) -> SimpleCollectionView:
    """Show a simple collection; the component is how the request put it."""
    return SimpleCollectionView.model_validate(
        {
            **asdict(collection),
            "social_link": asdict(link),
            "variables": collection.data["variables"],
            "component": SimpleComponent(job_type=body.job_type, template=body.template_json),
        }
    )
