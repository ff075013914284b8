"""Random histories of the queue with faults, held against the model. Time passes by decree."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from tests.queue.helpers import FINAL, PREFIX, RETRYABLE, Worker, become_due, lapse, make_ticket, with_models
from tests.queue.model import Debts, Step, World

from emprops.queue.dispatch import Queue
from emprops.queue.keys import KEYS
from emprops.queue.messages import Claim, Finished, Limits
from emprops.queue.transport import Beat, Settled
from emprops.queue.worker_link import RedisHeartbeat

LIMITS = Limits(max_failures=1, max_lost_claims=2)
WORKERS = {"ab-1": "ab", "ab-2": "ab", "a-1": "a", "b-1": "b", "none-1": ""}
OUTCOMES = {"completed": Finished(), "retryable": RETRYABLE, "failed": FINAL}


class QueueMachine(RuleBasedStateMachine):
    world: World
    affinity_wait = 0.0
    users: tuple[str, ...] = ("", "u", "v")
    weights: ClassVar[Mapping[str, int]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.debts = Debts()
        self.steps: dict[str, Step] = {}
        self.handed_out: list[tuple[str, Claim]] = []
        self.counter = 0

    @initialize()
    def begin(self) -> None:
        self.do = self.world.do
        self.world.blocking.flushall()
        self.queue = Queue(self.world.client, affinity_wait=self.affinity_wait)
        self.workers = {name: Worker(self.world.client, name, with_models(*have)) for name, have in WORKERS.items()}

    # --- tickets

    @rule(
        at=st.integers(0, 5),
        priority=st.sampled_from((30, 50)),
        models=st.sampled_from(("", "a", "b", "ab")),
        user=st.integers(0, 2),
        count=st.integers(1, 3),
    )
    def enqueue(self, at: int, priority: int, models: str, user: int, count: int) -> None:
        tickets = []
        for _ in range(count):
            self.counter += 1
            owner = self.users[user % len(self.users)]
            name = f"s{self.counter:03}"
            what: dict[str, Any] = {
                "priority": priority,
                "models": models,
                "user": owner,
                "weight": self.weights.get(owner, 1),
            }
            ticket = make_ticket(name, at=at, limits=LIMITS, **what)
            self.steps[name] = Step(ticket)
            tickets.append(ticket)
        assert self.do(self.queue.enqueue(tickets)) == ["new"] * count

    @precondition(lambda self: self.steps)
    @rule(data=st.data(), newer=st.integers(-1, 1), models=st.sampled_from(("", "a", "b")))
    def enqueue_again(self, data: st.DataObject, newer: int, models: str) -> None:
        step = data.draw(st.sampled_from(list(self.steps.values())))
        run = step.ticket.run + newer
        ticket = make_ticket(
            step.ticket.id,
            at=1,
            models=models,
            run=run,
            limits=LIMITS,
            attempts_before=step.attempt,
            user=step.user,
            weight=step.ticket.weight,
        )
        (answer,) = self.do(self.queue.enqueue([ticket]))
        if newer > 0:
            assert answer == "new"
            self.steps[ticket.id] = Step(ticket, attempt=step.attempt)
        elif newer == 0:
            assert answer == ("known" if step.attestation is None else "finished")
        elif run == 0 and step.attestation is None:
            assert answer == "stale"
        # an older run: stale, or finished with what it ended with; the next invariant sees that nothing changed
        if newer < 0 and step.attestation is not None and answer == "new":
            self.do(self.queue.cancel([(ticket.id, run)], "it cannot be asked for: PostgreSQL knows the newer run"))

    @precondition(lambda self: any(step.attestation is None for step in self.steps.values()))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        step = data.draw(st.sampled_from([step for step in self.steps.values() if step.attestation is None]))
        expected = {"lapsed": "claimed", "due": "delayed"}.get(step.state, step.state)
        assert self.do(self.queue.cancel([(step.ticket.id, step.ticket.run)], "by the user")) == [expected]
        step.settled = ""
        step.end("cancelled")

    # --- claims

    @rule(name=st.sampled_from(sorted(WORKERS)), want=st.integers(1, 3))
    def claim(self, name: str, want: int) -> None:
        self.promote()
        claims = self.do(self.workers[name].claim(want))
        for claim in claims:
            runnable = self.runnable(name)
            step = self.steps[claim.ticket.id]
            assert step in runnable, f"{claim.ticket.id} is {step.state}"
            self.check_order(step, runnable)
            self.debts.serve(WORKERS[name], step, self.steps.values())
            assert claim.attempt == step.attempt + 1
            assert claim.ticket == step.ticket
            step.state, step.token, step.attempt, step.again = "claimed", claim.token, claim.attempt, True
            self.handed_out.append((name, claim))
        if len(claims) < want:
            self.check_rest(name, self.runnable(name))

    def check_order(self, step: Step, runnable: list[Step]) -> None:
        """The highest priority first; in it what was taken before, by age; then each user's tickets by age."""
        assert step.priority == max(other.priority for other in runnable)
        band = [other for other in runnable if other.priority == step.priority]
        assert step.again or not any(other.again for other in band)
        peers = (
            [other for other in band if other.again]
            if step.again
            else [other for other in band if other.user == step.user]
        )
        assert step.order == min(other.order for other in peers)
        alike = [other for other in peers if other.ticket.requirements == step.ticket.requirements]
        assert step.ticket.id == min(other.ticket.id for other in alike if other.order == step.order)

    @invariant()
    def who_has_left_is_owed_nothing(self) -> None:
        self.debts.forgive(self.steps.values())

    def check_rest(self, name: str, rest: list[Step]) -> None:
        """What a worker did not get although it asked for more."""
        assert not rest, f"{name}: something was held back"

    def runnable(self, name: str) -> list[Step]:
        have = set(WORKERS[name])
        return [
            s for s in self.steps.values() if s.state == "waiting" and have.issuperset(s.ticket.requirements.models)
        ]

    def promote(self) -> None:
        for step in self.steps.values():
            if step.state == "due":
                step.state = "waiting"

    def holds(self, claim: Claim) -> bool:
        step = self.steps[claim.ticket.id]
        return step.held and step.token == claim.token and step.ticket.run == claim.ticket.run

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data(), outcome=st.sampled_from(sorted(OUTCOMES)))
    def finish(self, data: st.DataObject, outcome: str) -> None:
        """Any claim ever handed out, valid or not, once or again."""
        name, claim = data.draw(st.sampled_from(self.handed_out))
        step = self.steps[claim.ticket.id]
        valid = self.holds(claim)
        repeated = step.settled == claim.token and step.ticket.run == claim.ticket.run
        turn = self.do(self.workers[name].link.turn([Settled(claim, OUTCOMES[outcome])], 0, self.workers[name].offers))
        if step.ticket.run == claim.ticket.run:  # of an older run it only matters that nothing changes
            assert (not turn.late) == (valid or repeated)
        if not valid:
            return
        step.settled = claim.token
        if outcome == "retryable" and step.failures < LIMITS.max_failures:
            step.failures, step.state, step.token = step.failures + 1, "delayed", ""
        else:
            step.end("completed" if outcome == "completed" else "failed")

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data())
    def beat(self, data: st.DataObject) -> None:
        name, claim = data.draw(st.sampled_from(self.handed_out))
        heartbeat = RedisHeartbeat(self.world.blocking, prefix=PREFIX, worker_id=name, machine_id="m", lease=60.0)
        lost = heartbeat.beat([Beat(claim, 50.0, "half")])
        assert lost == (set() if self.holds(claim) else {claim.ticket.id})
        if self.holds(claim):
            self.steps[claim.ticket.id].state = "claimed"

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        name, claim = data.draw(st.sampled_from(self.handed_out))
        valid = self.holds(claim)
        assert self.do(self.workers[name].link.release([claim])) == int(valid)
        if valid:
            step = self.steps[claim.ticket.id]
            step.state, step.token = "waiting", ""

    # --- time and faults

    @precondition(lambda self: any(step.state == "claimed" for step in self.steps.values()))
    @rule(data=st.data())
    def lease_ends(self, data: st.DataObject) -> None:
        step = data.draw(st.sampled_from([step for step in self.steps.values() if step.state == "claimed"]))
        self.do(lapse(self.world.client, step.ticket.id))
        step.state = "lapsed"

    @precondition(lambda self: any(step.state == "delayed" for step in self.steps.values()))
    @rule(data=st.data())
    def retry_is_due(self, data: st.DataObject) -> None:
        step = data.draw(st.sampled_from([step for step in self.steps.values() if step.state == "delayed"]))
        self.do(become_due(self.world.client, step.ticket.id))
        step.state = "due"

    @rule()
    def reclaim(self) -> None:
        lapsed = [step for step in self.steps.values() if step.state == "lapsed"]
        due = sum(step.state == "due" for step in self.steps.values())
        done = self.do(self.queue.reclaim())
        self.promote()
        for step in lapsed:
            step.lost += 1
            step.state, step.token = "waiting", ""
            if step.lost >= LIMITS.max_lost_claims:
                step.settled = ""
                step.end("failed")
        given_up = sum(step.attestation is not None for step in lapsed)
        assert (done.offered, done.given_up, done.promoted) == (len(lapsed) - given_up, given_up, due)

    @rule(signatures=st.booleans(), classes=st.booleans())
    def forget(self, signatures: bool, classes: bool) -> None:
        day = 86_400.0
        if classes:
            self.debts.owed.clear()
        self.do(self.queue.forget(signature_age=0 if signatures else day, class_age=0 if classes else day))

    @rule()
    def redis_is_emptied(self) -> None:
        """Everything that has not ended is sent again, as from PostgreSQL."""
        self.world.blocking.flushall()
        self.debts.owed.clear()
        self.steps = {name: step for name, step in self.steps.items() if step.attestation is None}
        self.handed_out = [(name, claim) for name, claim in self.handed_out if claim.ticket.id in self.steps]
        tickets = []
        for name, step in self.steps.items():
            ticket = replace(step.ticket, attempts_before=step.attempt)
            self.steps[name] = Step(ticket, attempt=step.attempt)
            tickets.append(ticket)
        assert self.do(self.queue.enqueue(tickets)) == ["new"] * len(tickets)

    # --- what always holds

    @invariant()
    def redis_and_model_agree(self) -> None:
        names = list(self.steps)
        expected = {"lapsed": "claimed", "due": "delayed"}
        states = self.do(self.queue.ticket_states(names)) if names else []
        for name, state in zip(names, states, strict=True):
            step = self.steps[name]
            assert (None if state == "dead" else state) == (
                None if step.attestation else expected.get(step.state, step.state)
            ), name
            attestation = self.do(self.queue.attestation(name, step.ticket.run))
            assert (attestation and attestation["kind"]) == step.attestation
        held = {step.ticket.id.encode() for step in self.steps.values() if step.held}
        assert set(self.world.blocking.zrange(PREFIX + KEYS.leases, 0, -1)) == held
        assert self.entries(KEYS.wait) == sum(step.state == "waiting" for step in self.steps.values())
        assert self.entries(KEYS.line) == sum(
            step.state == "waiting" and not step.again for step in self.steps.values()
        )

    def entries(self, kind: str) -> int:
        return sum(self.world.blocking.zcard(key) for key in self.world.blocking.keys(f"{PREFIX}{kind}*"))

    def teardown(self) -> None:
        """Whatever happened, two healthy workers bring everything to its end."""
        if not self.steps:
            return
        for step in self.steps.values():
            if step.state == "delayed":
                self.do(become_due(self.world.client, step.ticket.id))
                step.state = "due"
            elif step.state == "claimed":
                self.do(lapse(self.world.client, step.ticket.id))
                step.state = "lapsed"
        self.reclaim()
        worker = self.workers["ab-1"]
        while claims := self.do(worker.claim(5)):
            for claim in claims:
                assert self.do(worker.finish(claim))
                self.steps[claim.ticket.id].end("completed")
        assert all(step.attestation for step in self.steps.values())
        self.redis_and_model_agree()
