"""Which files of the suite begin first: `--dist loadfile` sends those with few tests last, also if these take longest,
and then most of the machine waits for one of them."""

from xdist.scheduler import LoadFileScheduling

LONG = (
    "tests/rules/test_schemathesis.py",
    "tests/cli/test_up.py",
    "tests/flows/test_cli_output.py",
    "tests/console/test_every_page.py",
    "tests/queue/test_machine.py",
    "tests/credits/test_model.py",
    "tests/docs/test_site.py",
    "tests/console/test_library.py",
    "tests/flows/test_remote_worker.py",
    "tests/flows/test_faults.py",
    "tests/console/test_jobs.py",
    "tests/flows/test_data_flow_example.py",
    "tests/worker/test_process.py",
    "tests/console/test_create_live.py",
    "tests/flows/test_traces.py",
)


class LongFirst(LoadFileScheduling):
    """The same, with the long files at the head of the queue."""

    def schedule(self) -> None:
        is_first = self.collection is None
        super().schedule()
        if is_first:
            for name in LONG[::-1]:
                if name in self.workqueue:
                    self.workqueue.move_to_end(name, last=False)
