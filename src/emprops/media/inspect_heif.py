"""Looking into pictures in a HEIF container that Pillow cannot read: HEIC, and AVIF under unusual brands.

Runs in the process that ``inspect.py`` confines.
"""

from typing import Any

import av
from PIL import Image

from emprops.media.heif import MalformedError, Plan, read_plan
from emprops.media.inspect_video import open_media, reason
from emprops.media.thumbnail import UnreadableError, check_size, save_small

_TURNS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}
_MIRRORS = {0: Image.Transpose.FLIP_TOP_BOTTOM, 1: Image.Transpose.FLIP_LEFT_RIGHT}


def look_at_heif(path: str, thumbnail: str) -> dict[str, Any]:
    """Measure the main picture of a file as it is shown, and make a small one. Raises :class:`UnreadableError`."""
    picture = read_heif(path)
    save_small(picture, thumbnail)
    return {"width": picture.width, "height": picture.height}


def read_heif(path: str) -> Image.Image:
    """Decode the main picture of a file as it is shown. Raises :class:`UnreadableError`."""
    try:
        plan = read_plan(path)
        picture = _put_together(path, plan)
    except MalformedError:
        raise UnreadableError("The picture is damaged: its parts do not fit together.") from None
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise UnreadableError(reason(error)) from None
    for name, value in plan.changes:
        change = (_TURNS if name == "irot" else _MIRRORS).get(value)
        if change is not None:
            picture = picture.transpose(change)
    if plan.profile is not None:
        picture.info["icc_profile"] = plan.profile
    return picture


def _put_together(path: str, plan: Plan) -> Image.Image:
    if plan.size is not None:
        check_size(*plan.size)
    result: Image.Image | None = None
    left = set(range(len(plan.tiles)))
    with open_media(path, "mov") as container:
        streams = [stream for stream in container.streams.video if stream.id in plan.tiles]
        for stream in streams:
            stream.codec_context.thread_count = 1
            check_size(stream.codec_context.width, stream.codec_context.height)
        if not streams:
            raise MalformedError
        for packet in container.demux(streams):
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)  # noqa: S101 - of a video stream
                check_size(frame.width, frame.height)
                tile: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
                if plan.size is None:
                    return tile
                result = result or Image.new("RGB", plan.size)
                for at in [at for at in left if plan.tiles[at] == packet.stream.id]:
                    row, column = divmod(at, plan.columns)
                    result.paste(tile, (column * tile.width, row * tile.height))
                    left.discard(at)
    if result is None or left:
        raise MalformedError
    return result
