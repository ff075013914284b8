"""Every fault that a service can have, against every connector: subclass :class:`FaultContract` beside the contract."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.connectors.contract import RecordingContext, Sample, make_ticket
from tests.fakes.faults import FAULTS, RETRY_AFTER, Faulty

from emprops.connectors.base import Connector, ConnectorError, FinalError, RetryableError

FINAL = frozenset({"gigantic", "wrong_type", "html_200"})
"""Faults that a repetition would meet again; after the others the same ticket may well succeed."""


class FaultContract:
    """The tests. Subclasses give ``connector`` (impatient for ``slow``), ``service``, ``steps`` and ``key``."""

    @pytest.fixture
    def connector(self) -> Connector:
        raise NotImplementedError

    @pytest.fixture
    def service(self) -> Faulty:
        raise NotImplementedError

    @pytest.fixture
    def steps(self) -> list[tuple[Sample, str]]:
        """Runs, and a part of the path of the request that the fault hits."""
        raise NotImplementedError

    @pytest.fixture
    def key(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def inputs(self) -> Mapping[str, Path]:
        return {}

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_every_fault_is_told_and_none_lasts(
        self,
        connector: Connector,
        service: Faulty,
        steps: list[tuple[Sample, str]],
        key: str,
        inputs: Mapping[str, Path],
        fault: str,
        tmp_path: Path,
    ) -> None:
        for sample, at in steps:
            service.fault, service.at = fault, at
            context = RecordingContext(tmp_path, inputs)
            with pytest.raises(ConnectorError) as caught:
                await connector.run(make_ticket(sample.job_type, sample.payload), context)
            error = caught.value
            assert type(error) is (FinalError if fault in FINAL else RetryableError), (at, error)
            assert error.retry_after == (RETRY_AFTER if fault == "429" else None)
            assert error.message.endswith((".", "!", "?"))
            assert "<html" not in error.message
            assert key not in f"{error!r} {error.details} {context.seen}"
            assert all(percent < 100 for percent, _ in context.seen)
            service.heal()
            outcome = await connector.run(
                make_ticket(sample.job_type, sample.payload), RecordingContext(tmp_path, inputs)
            )
            assert outcome.files or outcome.data
