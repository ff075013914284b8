"""A connector that answers what a test wants when it is asked how it is and what it has."""

import asyncio
from typing import Any, ClassVar

from emprops.connectors.base import Capabilities, Health
from emprops.connectors.noop import NoopConnector


class Service(NoopConnector):
    """A connector that answers as told, for two job types; counts how often it was asked. ``None``: not at all."""

    name: ClassVar[str] = "service"

    def __init__(self) -> None:
        self.job_types = frozenset({"a", "b"})
        self.health: Any = Health(ok=True)
        self.answer: Any = Capabilities(models=("m",))
        self.asked = 0
        self.stubborn = False
        """Whether it goes on when it is cancelled."""
        self.free = asyncio.Event()
        """Ends its silence."""

    async def check(self) -> Health:
        return await self._said(self.health)  # type: ignore[no-any-return]

    async def capabilities(self) -> Capabilities:
        self.asked += 1
        return await self._said(self.answer)  # type: ignore[no-any-return]

    async def _said(self, answer: Any) -> Any:
        while answer is None and not self.free.is_set():
            try:
                await self.free.wait()
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise
        if isinstance(answer, BaseException):
            raise answer
        return answer
