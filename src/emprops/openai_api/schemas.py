"""The shapes of requests of OpenAI's API that are understood here."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from emprops.kit.web.schema import Schema

MOST_IMAGES: Final = 16
REFERENCES: Final = ("image_url", "file_id")
"""Of which an object that names a picture has one."""
WITHIN_ONLY: Final = ("gpt-image", "chatgpt-image")
"""How models are called whose pictures come within the answer only."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


def _reference(value: Any) -> Any:
    """Take the picture out of ``{"image_url": …}`` or ``{"file_id": …}``."""
    if not isinstance(value, dict):
        return value
    found = [value[name] for name in REFERENCES if value.get(name) is not None]
    if len(found) != 1:
        raise ValueError(f"must have one of {' and '.join(REFERENCES)}")
    return found[0]


Picture = Annotated[str, BeforeValidator(_reference)]
"""An asset, a ``data:`` URL, or what else a variable for a picture takes."""
Pictures = Annotated[list[Picture] | None, BeforeValidator(_listed), Field(min_length=1, max_length=MOST_IMAGES)]


class ImageBody(Schema):
    """What to make. Further fields are variables of the model, or parameters that it does not take."""

    model_config = ConfigDict(extra="allow")

    prompt: Annotated[str, Field(min_length=1, max_length=32_000)]
    model: Annotated[str | None, Field(max_length=200)] = None
    """A collection's short name or id, or a name that the operator gave one."""
    n: Annotated[int | None, Field(ge=1, le=10)] = None
    """How many pictures; unless sent, as many as the collection makes."""
    size: Annotated[str | None, Field(max_length=50)] = None
    response_format: Literal["url", "b64_json"] | None = None
    """How pictures come, see :meth:`form`."""
    stream: bool | None = None
    partial_images: Annotated[int | None, Field(ge=0, le=3)] = None
    variables: dict[str, Any] | None = None
    """Variables of the collection by name, where a parameter of the same name means something else."""

    image: Pictures = None
    """Pictures to start from, as forms call them."""
    images: Pictures = None
    """Pictures to start from, as JSON calls them."""
    mask: Picture | None = None

    def pictures(self) -> list[str]:
        """Return the pictures to start from, whichever way they came."""
        return [*(self.image or ()), *(self.images or ())]

    def form(self) -> str | None:
        """Return how pictures come; None: both ways. Models that are called as OpenAI's newer ones answer as those do,
        which have no choice: some clients take a URL wherever they find one, and cannot reach ours."""
        return self.response_format or ("b64_json" if (self.model or "").startswith(WITHIN_ONLY) else None)


def _text(value: Any) -> Any:
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else value


class VideoBody(Schema):
    """The video to make. Further fields are variables of the model, or parameters that it does not take."""

    model_config = ConfigDict(extra="allow")

    prompt: Annotated[str, Field(min_length=1, max_length=32_000)]
    model: Annotated[str | None, Field(max_length=200)] = None
    size: Annotated[str | None, Field(max_length=50)] = None
    seconds: Annotated[str | None, BeforeValidator(_text), Field(max_length=20)] = None
    input_reference: Picture | None = None
    """The picture to start from."""
    variables: dict[str, Any] | None = None
