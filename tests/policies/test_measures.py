"""What a payload asks for, by what its fields are called."""

from typing import Any
from uuid import UUID

import pytest

from emprops.policies.measures import measured, of_graph, of_request
from emprops.workflows.references import Reference


@pytest.mark.parametrize(
    ("payload", "pixels"),
    [
        ({"width": 1024, "height": 512}, 1024 * 512),
        ({"width": "1024", "height": 512.0}, 1024 * 512),
        ({"image_width": 64, "image_height": 32, "width": 8, "height": 8}, 64 * 32),
        ({"maxWidth": 64, "maxHeight": 32}, 64 * 32),
        ({"input": [{"deep": {"Height": 300, "WIDTH": 200}}]}, 60_000),
        ({"size": "1024x1536"}, 1024 * 1536),
        ({"image_size": "640 × 480"}, 640 * 480),
        ({"resolution": "1920*1080"}, 1920 * 1080),
        ({"size": [100, 200]}, 20_000),
        ({"size": {"width": 10, "height": 20}}, 200),
        ({"size": 512}, 512 * 512),
        ({"megapixels": 1.5}, 1_500_000),
        ({"width": 1024}, 1024 * 1024),
        ({"width": "1_024", "height": " +512 "}, 1024 * 512),
        ({"width": "1e3", "height": ".5e3"}, 1000 * 500),
        ({"width": "9" * 40, "height": "1e999"}, 1e30),
        ({"width": 1024, "height": None}, 1024 * 1024),
        ({"size": "auto", "image_size": "square_hd", "batch_size": 4, "font_size": 12, "width": True}, 0),
        ({"width": -4096, "height": 4096}, 4096 * -4096),
        ({}, 0),
    ],
)
def test_the_largest_picture_is_found_however_it_is_written(payload: dict[str, Any], pixels: float) -> None:
    assert measured(payload).pixels == max(0, pixels)


@pytest.mark.parametrize(
    ("payload", "count", "seconds"),
    [
        ({"n": 4}, 4, 0),
        ({"num_images": "3", "inner": {"batch_size": 8}}, 8, 0),
        ({"duration": "5s"}, 0, 5),
        ({"duration": 2.5, "seconds": "8"}, 0, 8),
        ({"duration": "auto", "n": None}, 0, 0),
        ({"n": 10**400}, 1e15, 0),
    ],
)
def test_results_and_seconds_are_counted(payload: dict[str, Any], count: float, seconds: float) -> None:
    found = measured(payload)
    assert (found.count, found.seconds) == (count, seconds)


def test_models_are_those_that_fields_name_and_those_that_are_required() -> None:
    payload = {"model": "a", "input": {"model_name": "b", "engine": ""}, "models": ["c", "d"], "model_id": 5}
    assert measured(payload, ["e"]).models == {"a", "b", "c", "d", "e", "5"}


def test_what_another_step_will_give_is_not_measured_yet() -> None:
    later = Reference(UUID(int=1))
    found = measured({"model": later, "width": later, "height": 64, "n": later})
    assert (found.models, found.pixels, found.count, found.open) == (frozenset(), 64 * 64, 0, True)
    assert not measured({"model": "a"}).open


def test_of_a_request_the_body_and_the_queries_count() -> None:
    api = {
        "url": "https://a.example/v1/paint?width=4000&height=2000",
        "fetchType": "polling",
        "polling": {"url": "https://b.example/?n=7", "result": {"url": "https://c.example/?duration=9"}},
        "headers": {"width": "9999"},
    }
    found = measured(of_request({"api": api, "body": {"model": "x"}, "workflow": {"model": "y"}}))
    assert (found.models, found.pixels, found.count, found.seconds) == ({"x"}, 8_000_000, 7, 9)


def test_of_a_graph_links_are_followed_to_nodes_that_hold_a_number() -> None:
    graph = {
        "1": {"class_type": "EmptyLatentImage", "inputs": {"width": ["5", 0], "height": ["5", 0], "batch_size": 3}},
        "2": {"class_type": "PrimitiveInt", "inputs": {"value": 4096}},
        "3": {"class_type": "KSampler", "inputs": {"model": ["4", 0], "latent_image": ["1", 0]}},
        "4": {"class_type": "OpenAIImage", "inputs": {"model": "gpt-image-1"}},
        "5": {"class_type": "PrimitiveInt", "inputs": {"value": ["2", 0]}},
        "6": {"class_type": "PrimitiveInt", "inputs": {"value": ["6", 0]}},
        "7": {"class_type": "EmptyLatentImage", "inputs": {"width": ["6", 0]}},
    }
    found = measured(of_graph(graph))
    assert (found.pixels, found.count, found.models) == (4096 * 4096, 3, {"gpt-image-1"})
