"""The shapes of the request for a simple collection and its reply."""

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from emprops.collections.schemas import Address, Description, Editions, Number, Price, Status, Title, lower
from emprops.collections.store import Working
from emprops.collections.variables import MAX_DEFINITIONS, MAX_OPTIONS
from emprops.custody.service import SocialLink

SIMPLE_VARIABLE: dict[str, Any] = {
    "name": "subject",
    "template_mapping": "subject",
    "options": ["a fox", "an owl"],
    "is_selectable": True,
    "is_customizable": False,
}
TEMPLATE: dict[str, Any] = {"messages": [{"role": "user", "content": "Describe {{subject}}."}]}


class SimpleVariableBody(BaseModel):
    """A variable of a simple collection."""

    name: str = Field(max_length=200)
    template_mapping: str = Field(max_length=200)
    """The placeholder of the template that it feeds: `subject` or `{{subject}}`."""
    options: list[Annotated[str, Field(min_length=1)]] | None = Field(default=None, max_length=MAX_OPTIONS)
    is_selectable: bool | None = None
    is_customizable: bool | None = None


class SimpleDetails(BaseModel):
    """What a simple collection is, and for whom it is held."""

    title: Title
    description: Description
    social_org: Literal["farcaster", "twitter"]
    social_identifier: str = Field(max_length=200)
    blockchain: Annotated[Literal["tezos", "base"], BeforeValidator(lower)] = "tezos"
    price: Price = Decimal(0)
    """Of an edition, in the currency of the blockchain: shown, and never charged here."""
    editions: Editions = 1
    cover_image_url: Address | None = None
    miniapp_user_id: str | None = Field(default=None, max_length=200)
    miniapp_cover_image: Address | None = None
    cast_hash: str | None = Field(default=None, max_length=200)
    project_id: UUID | None = None
    """The caller's default project unless given."""


class SimpleBody(BaseModel):
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
    variables: list[SimpleVariableBody] = Field(max_length=MAX_DEFINITIONS)
    job_type: str = Field(max_length=200)
    template_json: Any
    """The payload of the job: an object in whose texts `{{placeholders}}` may stand."""


class SocialLinkView(BaseModel):
    """A social identity."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    social_org: str
    social_identifier: str
    miniapp_user_id: str | None


class SimpleVariableView(BaseModel):
    """A variable as it was sent, and what it became in the collection."""

    name: str
    template_mapping: str
    options: list[str]
    is_selectable: bool | None
    is_customizable: bool | None
    type: str
    value_type: str
    value: Any
    lock_value: bool
    test_value: Any


class SimpleComponent(BaseModel):
    """The one step of a simple collection."""

    type: Literal["dynamic_json"] = "dynamic_json"
    job_type: str
    template: Any


class SimpleView(BaseModel):
    """A simple collection that was made."""

    id: UUID
    title: str
    description: str
    blockchain: str | None
    price: Number
    """Of an edition, in the currency of the blockchain."""
    editions: int
    status: Status
    is_custodial: bool
    custodied_for: UUID | None
    social_link: SocialLinkView
    variables: list[SimpleVariableView]
    component: SimpleComponent


def simple_view_of(collection: Working, link: SocialLink, body: SimpleBody) -> SimpleView:
    """Show a simple collection; the component is how the request put it."""
    return SimpleView.model_validate(
        {
            **asdict(collection),
            "social_link": asdict(link),
            "variables": collection.data["variables"],
            "component": SimpleComponent(job_type=body.job_type, template=body.template_json),
        }
    )
