"""Who asks for what, and when: 1,000 users, of whom a few ask for hundreds of things at once."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Model:
    """What a job needs, on average."""

    name: str
    seconds: float
    load: float
    """Seconds it takes a worker to load it."""
    share: float
    """Of all requests."""


MODELS = (
    Model("small image", seconds=6, load=8, share=0.30),
    Model("large image", seconds=18, load=20, share=0.25),
    Model("edit", seconds=14, load=18, share=0.15),
    Model("upscale", seconds=5, load=6, share=0.12),
    Model("music", seconds=30, load=15, share=0.08),
    Model("video", seconds=75, load=40, share=0.10),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """How users of one kind behave."""

    name: str
    users: int
    bursts: tuple[int, int]
    """How often a day they come, least and most."""
    jobs: tuple[int, int]
    """How many jobs they send at once, least and most."""
    models: int
    """How many models they use."""


FLOODERS = Kind("flooder", users=5, bursts=(1, 2), jobs=(300, 800), models=2)
REGULARS = Kind("heavy regular", users=45, bursts=(20, 40), jobs=(1, 8), models=2)
OCCASIONAL = Kind("occasional", users=950, bursts=(1, 4), jobs=(1, 2), models=3)
KINDS = (FLOODERS, REGULARS, OCCASIONAL)


@dataclass(frozen=True, slots=True)
class Job:
    """One job of one step."""

    number: int
    """Its place in the order of arrival."""
    at: float
    """When it is sent, in seconds since midnight."""
    user: str
    kind: Kind
    model: Model
    seconds: float
    """How long it runs once its model is loaded."""


def bursts_of_day(dice: random.Random) -> Iterator[tuple[float, str, Kind, Model, int]]:
    """Yield when which user sends how many jobs for which model; in no order. More come by day than by night."""
    by_hour = [1 + 0.8 * math.sin((hour - 9) * math.pi / 12) for hour in range(24)]
    for kind in KINDS:
        for number in range(kind.users):
            own = dice.choices(MODELS, [model.share for model in MODELS], k=kind.models)
            for _ in range(dice.randint(*kind.bursts)):
                at = (dice.choices(range(24), by_hour)[0] + dice.random()) * HOUR
                yield at, f"{kind.name} {number}", kind, dice.choice(own), dice.randint(*kind.jobs)


def day(seed: int, hours: tuple[int, int] = (0, 24)) -> list[list[Job]]:
    """Return the bursts of jobs that come between these hours, in the order in which they come."""
    dice = random.Random(seed)
    bursts: list[list[Job]] = []
    number = 0
    for at, user, kind, model, count in sorted(bursts_of_day(dice), key=lambda burst: burst[:2]):
        if not hours[0] * HOUR <= at < hours[1] * HOUR:
            continue
        lengths = [model.seconds * dice.uniform(0.7, 1.3) for _ in range(count)]
        bursts.append([Job(number + n, at, user, kind, model, seconds) for n, seconds in enumerate(lengths)])
        number += count
    return bursts
