"""``output_format`` and ``output_compression``: what is asked for, and pictures converted to it.

A variable of the model's with such a name takes the parameter. What the model makes in another format all the same, or
without such a variable, is converted while the answer is made. Stored results stay as they are, so only pictures within
the answer are converted.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from emprops.kit.outbound.bodies import saved
from emprops.kit.storage import Storage
from emprops.media.converting import Format, converted
from emprops.media.safe import DamagedPictureError
from emprops.openai_api.answers import Picture
from emprops.openai_api.failures import ConversionError, ParameterError
from emprops.openai_api.inputs import Inputs

FORMAT: Final = "output_format"
COMPRESSION: Final = "output_compression"
FORMATS: Final = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
BEST: Final = 100
WHOLE: Final = re.compile(r"[0-9]{1,3}")


def format_of(inputs: Inputs, others: Mapping[str, Any], made: Iterable[str], form: str | None) -> Format | None:
    """Return the format asked for; None: as the model makes it. ``others``: the request's further parameters; ``made``:
    the types that the model says it makes; ``form``: how pictures come. Raises :class:`ParameterError`."""
    asked, compression = others.get(FORMAT), others.get(COMPRESSION)
    quality = BEST if compression is None or inputs.takes(COMPRESSION) else _quality(compression)
    name = asked if isinstance(asked, str) and asked in FORMATS else None
    if name is None and asked is not None and not inputs.takes(FORMAT):
        raise ParameterError(FORMAT, f"{FORMAT} must be png, jpeg or webp.")
    if quality < BEST and name not in ("jpeg", "webp"):
        raise ParameterError(COMPRESSION, f"{COMPRESSION} needs {FORMAT} jpeg or webp; send one of them, or 100.")
    if name is None:
        return None
    wanted = Format(FORMATS[name], None if name == "png" else quality)
    if form == "url" and not inputs.takes(FORMAT) and any(changes(wanted, mime_type) for mime_type in made):
        raise ParameterError(
            FORMAT,
            f"The model does not make {name} as asked for, and only pictures within the answer are converted; send"
            f" response_format b64_json, or no {FORMAT}.",
        )
    return wanted


def _quality(value: Any) -> int:
    if not isinstance(value, bool) and WHOLE.fullmatch(str(value)) and int(value) <= BEST:
        return int(value)
    raise ParameterError(COMPRESSION, f"{COMPRESSION} must be a whole number from 0 to {BEST}.")


def changes(wanted: Format, mime_type: str) -> bool:
    """Return whether a picture of such a type has to be converted."""
    return wanted.mime_type != mime_type or (wanted.quality is not None and wanted.quality < BEST)


async def given(
    storage: Storage, pictures: Sequence[Picture], wanted: Format | None, folder: Path
) -> Sequence[Picture]:
    """Return pictures as wanted, converted in ``folder`` where they have to be; those stored elsewhere stay as they
    are. Raises :class:`ConversionError`."""
    if wanted is None:
        return pictures
    return [
        await _given(storage, picture, wanted, folder / str(number))
        if picture.key is not None and changes(wanted, picture.mime_type)
        else picture
        for number, picture in enumerate(pictures)
    ]


async def _given(storage: Storage, picture: Picture, wanted: Format, target: Path) -> Picture:
    source = target.with_suffix(".source")
    try:
        await saved(storage.stream(picture.key or ""), source)
        await converted(source, target, wanted)
    except (DamagedPictureError, OSError) as error:
        reason = str(error).rstrip(".") if isinstance(error, DamagedPictureError) else "it cannot be read just now"
        raise ConversionError(
            f"The picture was made, and is at {picture.url}, but cannot be converted: {reason}. Leave out {FORMAT} to"
            " get pictures as they are."
        ) from error
    finally:
        await asyncio.to_thread(source.unlink, missing_ok=True)
    size = (await asyncio.to_thread(target.stat)).st_size
    return replace(picture, mime_type=wanted.mime_type, path=target, size=size)
