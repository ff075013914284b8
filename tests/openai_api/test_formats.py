"""The format of pictures: as asked for, or refused."""

import base64
import io
from typing import Any

import openai
import pytest
from PIL import Image
from tests.fakes.pictures import PNG
from tests.openai_api.door import FILLS, VARIABLES, Door
from tests.orchestrator.rig import picture

pytestmark = pytest.mark.timeout(60)


def shown(image: Any) -> Image.Image:
    assert image.b64_json is not None
    return Image.open(io.BytesIO(base64.b64decode(image.b64_json)))


@pytest.mark.parametrize("form", ["jpeg", "webp"])
async def test_pictures_come_in_the_format_asked_for(door: Door, form: Any) -> None:
    model = await door.make_model()
    asked = {"model": model, "prompt": "a harbour", "output_format": form}
    answer = await door.made(door.client.images.generate(**asked, output_compression=60))
    assert answer.data is not None
    [image] = answer.data
    assert (answer.output_format, image.url) == (form, None)
    assert shown(image).format == form.upper()
    red, green, blue = shown(image).convert("RGB").getpixel((4, 4))  # type: ignore[misc]
    assert red > 240
    assert green < 20
    assert blue < 20
    [event] = await door.client_stream(door.client.images.generate(**asked, stream=True))
    assert (event.output_format, shown(event).format) == (form, form.upper())


async def test_less_quality_makes_smaller_pictures(door: Door) -> None:
    model = await door.make_model()
    noise = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGBA").save(noise, "PNG")

    async def run() -> None:
        claim = await door.begun()
        await door.rig.app.state.resources.storage.put_bytes("generations/a.png", noise.getvalue(), "image/png")
        assert await door.rig.worker.finish(claim, picture("a"))
        await door.rig.settle()

    sizes = []
    for compression in (10, 100):
        call = door.client.images.edit(
            model=model, prompt="a boat", image=PNG, output_format="jpeg", output_compression=compression
        )
        answer = await door.made(call, run)
        assert answer.data is not None
        sizes.append(len(answer.data[0].b64_json or ""))
    assert sizes[0] * 3 < sizes[1]


async def test_what_the_model_makes_anyway_stays_as_it_is(door: Door) -> None:
    model = await door.make_model()
    asked = {"model": model, "prompt": "a harbour", "output_format": "png", "output_compression": 100}
    answer = await door.made(door.client.images.generate(**asked))  # type: ignore[arg-type]
    assert answer.data is not None
    assert base64.b64decode(answer.data[0].b64_json or "") == PNG
    assert answer.data[0].url
    answer = await door.made(door.client.images.generate(**asked, response_format="url"))  # type: ignore[arg-type]
    assert answer.data is not None
    assert answer.data[0].url


async def test_a_variable_of_the_model_takes_the_format(door: Door) -> None:
    form = {"name": "output_format", "type": "pick", "value": {"values": ["png", "gif"]}}
    model = await door.make_model(variables=[*VARIABLES, form], fills={**FILLS, "style": "output_format"})
    call = door.client.images.generate(model=model, prompt="a harbour", extra_body={"output_format": "gif"})
    answer = await door.made(call)
    variables = (await door.rig.job(answer.job_id))["data"]["variables"]  # type: ignore[attr-defined]
    assert variables["output_format"] == "gif"
    answer = await door.made(door.client.images.generate(model=model, prompt="a harbour", output_format="webp"))
    assert answer.data is not None
    assert shown(answer.data[0]).format == "WEBP"


async def test_a_picture_that_cannot_be_converted_is_not_lost(door: Door) -> None:
    model = await door.make_model()

    async def run() -> None:
        claim = await door.begun()
        await door.rig.app.state.resources.storage.put_bytes("generations/a.png", PNG[:40], "image/png")
        assert await door.rig.worker.finish(claim, picture("a"))
        await door.rig.settle()

    with pytest.raises(openai.UnprocessableEntityError, match=r"/files/generations/a\.png, but cannot be") as error:
        await door.made(door.client.images.generate(model=model, prompt="a harbour", output_format="jpeg"), run)
    assert error.value.code == "conversion_failed"
    assert error.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"output_format": "gif"}, "output_format"),
        ({"output_format": 7}, "output_format"),
        ({"output_format": ["png"]}, "output_format"),
        ({"output_format": "jpeg", "response_format": "url"}, "output_format"),
        ({"output_format": "jpeg", "output_compression": 101}, "output_compression"),
        ({"output_format": "jpeg", "output_compression": True}, "output_compression"),
        ({"output_format": "jpeg", "output_compression": "much"}, "output_compression"),
        ({"output_format": "png", "output_compression": 50}, "output_compression"),
        ({"output_compression": 50}, "output_compression"),
    ],
)
async def test_formats_that_cannot_be_given_are_refused(door: Door, asked: dict[str, Any], param: str) -> None:
    model = await door.make_model()
    with pytest.raises(openai.BadRequestError) as error:
        await door.client.images.generate(model=model, prompt="a harbour", extra_body=asked)
    assert (error.value.code, error.value.param) == ("invalid_value", param)
    assert not await door.rig.rows("SELECT FROM job")
