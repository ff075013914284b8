"""Where links lead: to where the client is, as it sends its key nowhere else."""

import pytest

from emprops.comfy_api.links import base_of


@pytest.mark.parametrize(
    ("public", "asked", "base"),
    [
        ("https://media.example.com", "media.example.com", "https://media.example.com"),
        ("https://media.example.com", "Media.Example.com", "https://media.example.com"),
        ("https://media.example.com/emprops", "media.example.com", "https://media.example.com/emprops"),
        ("http://localhost:3001", "localhost:3001", "http://localhost:3001"),
        ("http://localhost:3001", "127.0.0.1:3001", "http://127.0.0.1:3001"),
        ("http://localhost:3001", "", "http://localhost:3001"),
    ],
)
def test_links_lead_to_where_the_client_is(public: str, asked: str, base: str) -> None:
    assert base_of(public, "http", asked) == base
