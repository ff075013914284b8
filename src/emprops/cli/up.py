"""``emprops up``: everything on this machine, from nothing to a first generation."""

import signal
from contextlib import suppress

import typer

from emprops.cli.exits import one_sentence, read_settings
from emprops.cli.output import say
from emprops.local.stop_flag import StopFlag
from emprops.local.supervisor import Installation, Stopped, running
from emprops.settings import Settings


def up() -> None:
    """Start PostgreSQL, Redis, the api and a worker on this machine; Ctrl-C stops them.

    Data is kept in EMPROPS_DATA_DIR (./.emprops). If DATABASE_URL or REDIS_URL
    is set, that engine is used instead.

    For example:

        $ emprops up
        $ PORT=3002 EMPROPS_DATA_DIR=/srv/emprops emprops up
    """
    settings = read_settings()
    stopping = StopFlag()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda *_: stopping.set())
    with one_sentence(), suppress(Stopped), running(settings, stopping) as installation:
        for engine in installation.engines:
            engine.tell(say)
        typer.echo(banner(installation, settings))
        installation.tend(stopping, say)
        typer.echo("\nStopping …")


def banner(installation: Installation, settings: Settings) -> str:
    """Say where everything is and what to try, as the mode's callers would."""
    run = installation.run
    if settings.mode == "production":
        caller = '-H "Authorization: Bearer $TOKEN"'
        facts = {"Mode": "production: who calls is known by a token or an API key"}
    else:
        caller = f"-H 'user_id: {run.user_id}'"
        facts = {"API reference": f"{run.url}/docs", "Your user id": run.user_id}
    facts = {"Console": f"{run.url}/console"} | facts
    facts |= {"Logs": str(installation.logs), "Stop": "Ctrl-C"}
    lines = "\n".join(f"  {name:<13}  {fact}" for name, fact in facts.items())
    return f"""
  EmProps is ready at {run.url}

{lines}

  Generate something:

  {example(installation, caller)}
"""


def example(installation: Installation, caller: str) -> str:
    """Return one command that generates from a sample collection."""
    return (
        f"curl -X POST {installation.run.url}/collections/{installation.collections['art']}/generate {caller} "
        """-H 'content-type: application/json' -d '{"variables": {"prompt": "a lighthouse at dusk"}}'"""
    )
