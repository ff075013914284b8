"""The styles of generative art: each a function that paints a canvas and yields the share done."""

from collections.abc import Callable, Iterator

from emprops.connectors.local_engine.canvas import Canvas
from emprops.connectors.local_engine.styles.aurora import aurora
from emprops.connectors.local_engine.styles.bloom import bloom
from emprops.connectors.local_engine.styles.flow_field import flow_field
from emprops.connectors.local_engine.styles.mosaic import mosaic
from emprops.connectors.local_engine.styles.mountains import mountains
from emprops.connectors.local_engine.styles.orbits import orbits
from emprops.connectors.local_engine.styles.papercut import papercut
from emprops.connectors.local_engine.styles.silk import silk
from emprops.connectors.local_engine.styles.watercolor import watercolor

STYLES: dict[str, Callable[[Canvas], Iterator[float]]] = {
    "aurora": aurora,
    "bloom": bloom,
    "flow_field": flow_field,
    "mosaic": mosaic,
    "mountains": mountains,
    "orbits": orbits,
    "papercut": papercut,
    "silk": silk,
    "watercolor": watercolor,
}
