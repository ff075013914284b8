"""The shape of a collection's form: JSON Schema, of which it uses only this."""

from typing import Literal

from pydantic import ConfigDict, Field

from emprops.kit.web.schema import Schema

FormInput = Literal[
    "text", "multiline", "number", "seed", "switch", "choice", "image", "mask", "video", "audio", "file", "any"
]


class FormOption(Schema):
    """One value to choose."""

    const: str | int | float | bool
    """What to send."""
    title: str
    """Its name for people."""


class FormVariable(Schema):
    """A variable, as JSON Schema. Fields that say nothing are left out."""

    title: str
    """Its name for people."""
    description: str | None = None
    """What people should know of it."""
    type: str | list[str] | None = None
    """`string`, `integer`, `number` or `boolean`, or those it may be; left out with `oneOf`."""
    one_of: list[FormOption] | None = Field(default=None, alias="oneOf")
    """What there is to choose from."""
    default: str | int | float | bool | None = None
    """What counts if nothing is sent."""
    minimum: float | None = None
    """The least number."""
    maximum: float | None = None
    """The greatest number. Up to 2^64 - 1: read it as an exact integer."""
    min_length: int | None = Field(default=None, alias="minLength")
    """The fewest characters."""
    max_length: int | None = Field(default=None, alias="maxLength")
    """The most characters."""
    examples: list[str] | None = None
    """What it might be."""
    input: FormInput = Field(alias="x-emprops-input")
    """How to ask for it."""
    order: int = Field(alias="x-emprops-order")
    """Its place in the form, from 0."""
    group: str | None = Field(default=None, alias="x-emprops-group")
    """The heading under which it is shown."""
    step: float | None = Field(default=None, alias="x-emprops-step")
    """How far apart the numbers are that are offered; others are taken too."""
    drawn: bool | None = Field(default=None, alias="x-emprops-drawn")
    """True: if nothing is sent, each generation draws its own."""


class CollectionFormView(Schema):
    """The `variables` of a generate request, as JSON Schema."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "prompt": {
                        "title": "Prompt",
                        "type": "string",
                        "x-emprops-input": "multiline",
                        "maxLength": 4000,
                        "x-emprops-order": 0,
                    },
                    "seed": {
                        "title": "Seed",
                        "type": "integer",
                        "x-emprops-input": "seed",
                        "minimum": 0,
                        "maximum": 4294967295,
                        "x-emprops-drawn": True,
                        "x-emprops-order": 1,
                    },
                },
                "required": ["prompt"],
            }
        }
    )

    dialect: str = Field(alias="$schema")
    """The version of JSON Schema."""
    type: Literal["object"]
    """Variables are an object."""
    properties: dict[str, FormVariable]
    """By name, in their order; locked variables are not among them."""
    required: list[str]
    """Variables that must be sent."""
