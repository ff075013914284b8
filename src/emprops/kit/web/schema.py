"""The base of all shapes of requests and replies."""

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """A shape of requests or replies. A text under a field describes it in OpenAPI too."""

    model_config = ConfigDict(use_attribute_docstrings=True)
