"""Tickets on the wire: short for what is usual, and the same when they are read."""

from dataclasses import replace

import orjson
import pytest
from tests.queue.helpers import make_ticket

from emprops.queue.messages import Limits, Ticket

PLAIN = make_ticket("s", payload={"prompt": "a fox"})
FULL = replace(
    make_ticket("s", models=["a"], custom_nodes=["b"], capabilities={"c": "d"}, run=2, attempts_before=3),
    limits=Limits(max_failures=5, max_run_time=60.0),
    trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


@pytest.mark.parametrize("ticket", [PLAIN, FULL])
def test_a_ticket_is_the_same_when_it_is_read(ticket: Ticket) -> None:
    assert Ticket.from_bytes(ticket.to_bytes()) == ticket
    assert Ticket.from_json(orjson.loads(orjson.dumps(ticket.to_json()))) == ticket


def test_what_is_usual_is_not_sent() -> None:
    assert orjson.loads(PLAIN.to_bytes()).keys() == {"id", "job_type", "payload", "workflow_context"}
    usual = {"requirements", "run", "attempts_before", "limits", "trace"}
    assert orjson.loads(FULL.to_bytes()).keys() - orjson.loads(PLAIN.to_bytes()).keys() == usual
    assert PLAIN.to_json().keys() == orjson.loads(FULL.to_bytes()).keys()
