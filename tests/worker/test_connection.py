"""What machines and workers are called."""

import re
from unittest.mock import patch

import pytest

from emprops.gateway.identity import NAME
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.connection import machine_name, open_connection


@pytest.mark.parametrize("host", ["gpu-1", "gpu_1.example.com", "h" * 63])
def test_a_host_keeps_its_name(host: str) -> None:
    assert machine_name(host) == host


PODS = ["comfyui-worker-deployment-large-5d9c7b6f4-x2x7k", "comfyui-worker-deployment-large-5d9c7b6f4-q8h4d"]
ODD = ["gpu 1", "gpu\t1", "gpu\udcff1", "gpü1", ".gpu1", "-", "h" * 64, "h" * 63 + "i", "h" * 255]


def test_two_hosts_never_have_one_name() -> None:
    """A pause concerns a machine by its name; two pods of one deployment differ in their last characters only."""
    names = [machine_name(host) for host in (*PODS, *ODD, "gpu-1")]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(NAME, name) and len(name) <= 63 for name in names)
    assert names[:2] == PODS


async def test_a_worker_is_called_after_its_machine(settings: Settings) -> None:
    with patch("socket.gethostname", return_value="h" * 300):
        async with open_connection(settings, Board()) as connection:
            assert connection.machine_id == machine_name("h" * 300)
            assert connection.worker_id.startswith(f"{connection.machine_id}-")
            assert re.fullmatch(NAME, connection.worker_id)
