"""Every fault that a service can have, against every connector: subclass :class:`FaultContract` beside the contract.

A run goes through the worker's own pipeline to a real storage, so that what is checked is what a job would get.
"""

import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from tests.connectors.contract import RecordingContext, Sample, make_ticket
from tests.fakes.faults import FAULTS, LARGE, ODD, RETRY_AFTER, Faulty

from emprops.connectors.base import Connector
from emprops.media.storage import FolderStorage
from emprops.queue.messages import Claim, Finished
from emprops.worker.offers import Surveyor
from emprops.worker.run import run_claim

End = Literal["retryable", "final", "bad_input", "survived"]
"""How a run ends; ``survived``: well, in spite of the fault."""

FINAL = frozenset({"gigantic", "wrong_type", "html_200"})
"""Faults that a repetition would meet again; after the others the same ticket may well succeed."""
LITTLE = 24 * 1024 * 1024
"""Bytes that a file of :data:`LARGE` may take in memory, of which the fake service takes its share."""


@dataclass(frozen=True)
class Step:
    """A request of a run that a fault hits: a part of its path. ``ends``: where the end is not the usual one."""

    sample: Sample
    at: str
    ends: Mapping[str, End] = field(default_factory=dict)
    says_when: bool = True
    """Whether what it says of when to come back reaches the queue."""

    def end(self, fault: str) -> End:
        return self.ends.get(fault, "final" if fault in FINAL else "retryable")


async def pipeline(connector: Connector, sample: Sample, context: RecordingContext, storage: FolderStorage) -> Finished:
    claim = Claim(make_ticket(sample.job_type, sample.payload), "t" * 32, 1)
    return await run_claim(claim, connector, context, storage)  # type: ignore[arg-type]


class FaultContract:
    """The tests. Subclasses give ``connector`` (impatient for ``slow``), ``service``, ``steps`` and ``key``."""

    @pytest.fixture
    def connector(self) -> Connector:
        raise NotImplementedError

    @pytest.fixture
    def service(self) -> Faulty:
        raise NotImplementedError

    @pytest.fixture
    def steps(self) -> list[Step]:
        raise NotImplementedError

    @pytest.fixture
    def large(self) -> Step | None:
        """A request whose answer is a result file."""
        return None

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
        steps: list[Step],
        key: str,
        inputs: Mapping[str, Path],
        fault: str,
        tmp_path: Path,
    ) -> None:
        storage = FolderStorage(tmp_path / "stored")
        for step in steps:
            service.fault, service.at = fault, step.at
            context = RecordingContext(tmp_path, inputs)
            finished = await pipeline(connector, step.sample, context, storage)
            service.heal()
            assert (finished.failure or "survived") == step.end(fault), (step.at, finished)
            assert key not in f"{finished} {context.seen}"
            if finished.failure is None:
                empty(tmp_path)
                continue
            told = fault == "429" and step.says_when
            assert finished.retry_after == (RETRY_AFTER if told else None), step.at
            assert finished.error.endswith((".", "!", "?"))
            assert "<html" not in f"{finished.error} {finished.details}"
            assert all(percent < 100 for percent, _ in context.seen)
            assert not stored(tmp_path), "a failed run stored something"
            healed = await pipeline(connector, step.sample, RecordingContext(tmp_path, inputs), storage)
            assert healed.failure is None, (step.at, healed)
            assert healed.files
            empty(tmp_path)

    @pytest.mark.parametrize("fault", ODD)
    async def test_an_answer_of_another_shape_is_told(
        self,
        connector: Connector,
        service: Faulty,
        steps: list[Step],
        key: str,
        inputs: Mapping[str, Path],
        fault: str,
        tmp_path: Path,
    ) -> None:
        """Whatever a service answers, a connector reads it or says in a sentence that it cannot."""
        for step in steps:
            service.fault, service.at = fault, step.at
            context = RecordingContext(tmp_path, inputs)
            finished = await pipeline(connector, step.sample, context, FolderStorage(tmp_path / "stored"))
            service.heal()
            assert "unexpectedly" not in finished.error, (step.at, finished)
            assert key not in f"{finished} {context.seen}"
            if finished.failure is None:
                assert finished.files
            elif fault != "odd_words":  # which are quoted as they are
                assert finished.error.endswith((".", "!", "?")), (step.at, finished)
            empty(tmp_path)

    @pytest.mark.parametrize("fault", [*(fault for fault in FAULTS if fault != "slow"), *ODD])
    async def test_being_asked_while_the_service_is_not_itself(
        self, connector: Connector, service: Faulty, key: str, fault: str
    ) -> None:
        """It offers what it has, or nothing and says why; and all of it again once the service is well."""
        surveyor = Surveyor(dict.fromkeys(connector.job_types, connector))
        service.fault = fault
        found = await surveyor.ask(30.0)
        service.heal()
        (health,) = found.health.values()
        assert key not in health
        assert "unexpectedly" not in health
        assert (health == "ok") == (set(found.offers) == connector.job_types)
        assert set((await surveyor.ask(30.0)).offers) == connector.job_types

    async def test_large_results_pass_through_little_memory(
        self, connector: Connector, service: Faulty, large: Step | None, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        if large is None:
            return
        service.fault, service.at = "large", large.at
        tracemalloc.start()
        try:
            finished = await pipeline(
                connector, large.sample, RecordingContext(tmp_path, inputs), FolderStorage(tmp_path / "stored")
            )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            service.heal()
        assert finished.failure is None, finished
        assert finished.files[0].size > LARGE
        assert peak < LITTLE


def stored(folder: Path) -> list[Path]:
    return [path for path in (folder / "stored").rglob("*") if path.is_file()]


def empty(folder: Path) -> None:
    for path in stored(folder):
        path.unlink()
