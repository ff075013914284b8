"""Looking into videos and sounds. Runs in the process that ``inspect.py`` confines."""

import struct
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.stream import VideoStream
from PIL import Image

from emprops.media.thumbnail import SIDE, UnreadableError, check_size, save_small

ODDEST_PIXEL = 16
"""Pixels that are said to be longer than this many times their height are taken for square: the file errs."""
TURNS = {
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""What a display matrix (a, b, c, d) does: x' = a·x + c·y, y' = b·x + d·y. Pillow's angles go counterclockwise."""


def open_media(path: str, demuxer: str) -> InputContainer:
    """Open a file with this demuxer only, and nothing but files: a playlist that poses as a video leads nowhere."""
    return av.open(path, format=demuxer, options={"protocol_whitelist": "file"})


def streams_of(path: str, demuxer: str) -> dict[str, Any]:
    """Say whether there are moving pictures in a file, and whether there is sound."""
    try:
        with open_media(path, demuxer) as container:
            return {"video": _moving(container) is not None, "sound": bool(container.streams.audio)}
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise UnreadableError(reason(error)) from None


def look_at_video(path: str, demuxer: str, thumbnail: str) -> dict[str, Any]:
    """Measure a video or sound as it is shown, and make a small picture of a frame near its start, or of its cover."""
    try:
        with open_media(path, demuxer) as container:
            duration = None if container.duration is None else max(container.duration, 0) / av.time_base
            stream = _moving(container)
            facts = {"video": stream is not None, "sound": bool(container.streams.audio), "duration": duration}
            if stream is None:
                _save_cover(container, thumbnail)
                return facts
            stream.codec_context.thread_count = 1
            check_size(stream.codec_context.width, stream.codec_context.height)
            if container.duration:
                container.seek(container.duration // 10)
            frame = next(container.decode(stream), None)
            if frame is None:
                raise UnreadableError("The video has no frame that can be shown.")
            check_size(frame.width, frame.height)
            size = _shape(frame.width, frame.height, stream.sample_aspect_ratio)
            picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
            turn = _turn(frame)
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise UnreadableError(reason(error)) from None
    picture = _stretched(picture, size)
    if turn is not None:
        picture = picture.transpose(turn)
        if turn not in (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.ROTATE_180):
            size = (size[1], size[0])
    save_small(picture, thumbnail)
    return facts | {"width": size[0], "height": size[1]}


def reason(error: Exception) -> str:
    """Say what is wrong with a file, without its path, which FFmpeg's messages end with."""
    said = error.strerror if isinstance(error, av.FFmpegError) else str(error)
    return f"The file is damaged: {(said or type(error).__name__)[:200]}"


def _moving(container: InputContainer) -> VideoStream | None:
    """Return the first stream of moving pictures; a sound's cover is none."""
    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    return next((stream for stream in container.streams.video if not stream.disposition & covers), None)


def _save_cover(container: InputContainer, thumbnail: str) -> None:
    """Save the cover of a sound. A sound is whole without one, so nothing wrong with it is an error."""
    cover = next(iter(container.streams.video), None)
    if cover is None:
        return
    with suppress(av.FFmpegError, UnreadableError, ValueError, OverflowError):
        check_size(cover.codec_context.width, cover.codec_context.height)
        frame = next(container.decode(cover), None)
        if frame is not None:
            check_size(frame.width, frame.height)
            save_small(frame.to_image(), thumbnail)  # type: ignore[no-untyped-call]


def _shape(width: int, height: int, pixel: Fraction | None) -> tuple[int, int]:
    """Return the size at which a picture is shown whose pixels are not square. As players do, the shorter way is made
    longer, so that no pixel is lost."""
    if not pixel or pixel <= 0 or not Fraction(1, ODDEST_PIXEL) <= pixel <= ODDEST_PIXEL:
        return width, height
    shown = (round(width * pixel), height) if pixel > 1 else (width, round(height / pixel))
    check_size(*shown)
    return shown


def _stretched(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture in the shape of ``size``, and no more pixels than its thumbnail needs."""
    if picture.size == size:
        return picture
    share = min(1.0, SIDE / max(size))
    small = max(1, round(size[0] * share)), max(1, round(size[1] * share))
    return picture.resize(small, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _turn(frame: av.VideoFrame) -> Image.Transpose | None:
    """Say how a frame is to be turned or mirrored when shown: the nearest of the eight ways, as players do."""
    try:
        said: Any = frame.side_data  # a container of buffers by type, unlike what it is declared as
        a, b, _, c, d = struct.unpack_from("=9i", bytes(said[SideDataType.DISPLAYMATRIX]))[:5]
    except (KeyError, struct.error):
        return None
    upright = abs(a) + abs(d) >= abs(b) + abs(c)
    return TURNS.get((_sign(a), 0, 0, _sign(d)) if upright else (0, _sign(b), _sign(c), 0))


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
