"""Small files that fake services answer with."""

import io

from PIL import Image


def picture(colour: str = "red", form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, form)
    return buffer.getvalue()


PNG, JPEG = picture(), picture("blue", "JPEG")
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(64)
"""The head of a video, which is all that its type is told by."""
