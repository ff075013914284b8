"""What a process writes to stderr. In a process of its own: logging is set up once and for all."""

import json
import subprocess
import sys
from uuid import UUID

SCRIPT = """
import logging, structlog
from emprops.kit.telemetry.logging import bound, configure_logging
from emprops.settings import Settings

configure_logging(Settings(log_json={json}))
log = structlog.get_logger("emprops.test")
with bound(request_id="r-1"):
    log.info("said", path="a\\nb", n=1)
    logging.getLogger("somebody.else").warning("also %s", "this")
logging.getLogger("httpx2").info("chatter")
log.debug("quiet")
password = "hunter2"
try:
    raise RuntimeError("broken")
except RuntimeError:
    log.exception("failed")
"""


def lines(*, as_json: bool) -> list[str]:
    script = SCRIPT.replace("{json}", str(as_json))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_one_json_object_per_line() -> None:
    said, other, failed = map(json.loads, lines(as_json=True))
    assert (said["event"], said["path"], said["n"], said["level"]) == ("said", "a\nb", 1, "info")
    assert (other["event"], other["level"]) == ("also this", "warning")
    assert said["request_id"] == other["request_id"] == "r-1"
    assert "request_id" not in failed
    assert "RuntimeError: broken" in failed["exception"]
    assert said["timestamp"].endswith("Z")


ODD = """
import os, sys, uuid, structlog
from emprops.kit.telemetry.logging import configure_logging
from emprops.settings import Settings

configure_logging(Settings(log_json=True))
log = structlog.get_logger("emprops.test")
log.info("half", text="\\ud83e", large=2**70)
log.info("whole", text="é 🦊", id=uuid.UUID(int=1), other=Exception("why"))
os.close(sys.stderr.fileno())
log.info("lost")
print("went on")
"""


def test_what_is_logged_never_raises() -> None:
    done = subprocess.run([sys.executable, "-c", ODD], capture_output=True, text=True, check=True)
    half, whole = map(json.loads, done.stderr.splitlines())
    assert (half["text"], half["large"]) == ("\ud83e", 2**70)
    assert (whole["text"], whole["id"], whole["other"]) == ("é 🦊", str(UUID(int=1)), "why")
    assert done.stdout == "went on\n", "also when nobody reads it any more"


def test_text_for_people_shows_no_values_of_variables() -> None:
    text = lines(as_json=False)
    assert any("said" in line and "request_id=r-1" in line for line in text)
    assert any(line.startswith("RuntimeError: broken") for line in text)
    assert "hunter2" not in "\n".join(text)
    assert "chatter" not in "\n".join(text)
    assert len(text) < 10
