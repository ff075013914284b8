"""All jobs of a user as server-sent events; what waits for clients that do not read, and what listeners cost."""

from typing import Any

import pytest
from tests.apps import as_user
from tests.factories import make_job
from tests.live.mine import mine, my_jobs, poked, show, streamed, told
from tests.live.scene import Scene
from tests.orchestrator.rig import picture

from emprops.jobs.mine.events import MyStream
from emprops.jobs.mine.news import changed
from emprops.kit.ids import new_id
from emprops.live.mine import MySocket
from emprops.live.send_buffer import Outbox

pytestmark = pytest.mark.timeout(60)


async def test_a_stream_tells_the_same_and_resumes(scene: Scene) -> None:
    async with streamed(scene) as events, mine(scene) as (page, _):
        kind, first, cursor = await events.next()
        assert (kind, first["jobs"], first["resync"], cursor) == ("mine_subscribed", [], False, first["at"])
        job_id = await scene.start()
        data, cursor = await events.until(job_id, "pending")
        assert cursor == data["at"]
        assert (await told(page, job_id, status="pending"))["job"] == data["job"]
    await scene.run(picture())
    another = await scene.start()
    async with streamed(scene, **{"Last-Event-ID": str(cursor)}) as events:
        _, answer, _ = await events.next()
        assert answer["resync"] is False
        assert {job["id"]: job["status"] for job in answer["jobs"]} == {
            str(job_id): "completed",
            str(another): "pending",
        }
    async with streamed(scene, "?last_event_id=rubbish") as events:
        assert (await events.next())[1]["resync"] is True


async def test_a_ticket_opens_the_stream_once(scene: Scene) -> None:
    made = await scene.client.post("/api/jobs/stream-ticket", headers=as_user(scene.user_id))
    query = f"?ticket={made.json()['data']['ticket']}"
    async with streamed(scene, query) as events:
        assert (await events.next())[0] == "mine_subscribed"
    assert (await scene.client.get(f"/api/jobs/stream{query}")).status_code == 401
    assert (await scene.client.get("/api/jobs/stream", headers=scene.service)).status_code == 401


async def test_a_stream_shows_previews(scene: Scene) -> None:
    async with scene.database.transaction() as tx:
        job = await make_job(tx, scene.user_id, status="processing")
    await show(scene, job.id, 7)
    async with streamed(scene, "?previews=inline") as events:
        assert (await events.next())[0] == "mine_subscribed"
        kind, data, cursor = await events.next()
        assert (kind, data["job_id"], data["data_url"]) == (
            "my_job_preview",
            str(job.id),
            "data:image/jpeg;base64,/9g=",
        )
        assert cursor is None


# --- what it costs, and what waits


class Busy:
    """A stream whose client does not read until it is told to."""

    def __init__(self) -> None:
        self.ready = False
        self.written: list[bytes] = []
        self.ended = ""

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def end(self, reason: str, *, comes_back: bool = False) -> None:
        assert comes_back
        self.ended = reason


async def test_what_waits_is_only_the_latest_of_each_job(scene: Scene) -> None:
    jobs = [new_id(), new_id()]
    news = [changed(str(n), jobs[n % 2], {"progress": n}) for n in range(10)]
    outbox, busy = Outbox(), Busy()
    socket = MySocket(outbox, scene.user_id, "url", None)
    stream = MyStream(my_jobs(scene), busy, user_id=scene.user_id, since=None, previews="url")  # type: ignore[arg-type]
    for one in news:
        socket.tell(one)
        stream.tell(one)
    assert (len(outbox), busy.written) == (2, [])
    busy.ready = True
    stream.resume()
    assert busy.written == [news[8].event, news[9].event]
    busy.ready = False
    for n in range(1001):
        stream.tell(changed(str(n), new_id(), {}))
    assert busy.ended == "the client reads too slowly"
    stream.gone()


async def test_listeners_to_whom_nothing_happens_cost_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    look = my_jobs(scene)._look

    async def counted(*arguments: Any) -> Any:
        looked.append(len(arguments[1]))
        return await look(*arguments)

    async with scene.database.transaction() as tx:
        foreign = [(await make_job(tx, status="processing")).id for _ in range(20)]
        own = await make_job(tx, scene.user_id, status="processing")
    outboxes = [Outbox() for _ in range(1000)]
    sockets = [MySocket(outbox, new_id(), "url", None) for outbox in outboxes]
    for socket in sockets:
        my_jobs(scene).follow(socket, None)
    async with mine(scene) as (page, _):
        await poked(scene, *foreign, own.id)
        await told(page, own.id)
        monkeypatch.setattr(my_jobs(scene), "_look", counted)
        for _ in range(10):
            await poked(scene, *foreign)
        await scene.execute("UPDATE job SET progress = 50, updated_at = now() WHERE id = %s", own.id)
        await poked(scene, own.id)
        await told(page, own.id, progress=50)
    assert looked == [1]
    assert {len(outbox) for outbox in outboxes} == {1}
    for socket in sockets:
        my_jobs(scene).leave(socket)


async def test_nothing_is_looked_up_for_who_left_before_the_look(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    answered: list[int] = []
    look = my_jobs(scene)._look

    async def counted(*arguments: Any) -> Any:
        answered.append(len(arguments[0]))
        return await look(*arguments)

    monkeypatch.setattr(my_jobs(scene), "_look", counted)
    async with mine(scene) as (page, _):
        for _ in range(30):  # in one go: nothing can look in between
            socket = MySocket(Outbox(), scene.user_id, "url", None)
            my_jobs(scene).follow(socket, None)
            my_jobs(scene).leave(socket)
        await page.ask("subscribe_mine", "mine_subscribed")
    assert sum(answered) == 2
