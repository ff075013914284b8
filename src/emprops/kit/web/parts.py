"""What an app carries in addition to its routes: one typed name for each part, declared by the feature that uses it."""

from typing import Generic, TypeVar

from starlette.applications import Starlette
from starlette.requests import HTTPConnection

T = TypeVar("T")


class Part(Generic[T]):
    """A part of the app of type ``T``, on ``app.state`` under ``name``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def attach(self, app: Starlette, value: T) -> T:
        """Put the part on the app; returns it."""
        setattr(app.state, self.name, value)
        return value

    def get(self, app: Starlette) -> T:
        """Return the part of an app."""
        value: T = getattr(app.state, self.name)
        return value

    def of(self, connection: HTTPConnection) -> T:
        """Return the part of the app that a request or WebSocket is for."""
        return self.get(connection.app)

    async def depend(self, connection: HTTPConnection) -> T:
        """Return the part, as a dependency: ``Annotated[T, Depends(PART.depend)]``."""
        return self.of(connection)
