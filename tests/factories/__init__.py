"""Rows for tests, with what has to exist around them. Each function inserts and returns what it made.

They write the tables directly: a test may put the system into any state that its constraints allow.
"""

from tests.factories.assets import make_asset, make_upload
from tests.factories.collections import INSTRUCTIONS, Collection, make_collection
from tests.factories.jobs import Job, add_history, make_job, make_pause, make_step
from tests.factories.outputs import make_deck, make_file, make_output
from tests.factories.people import make_project, make_social_link, make_user
from tests.factories.policies import make_policy
from tests.factories.sessions import make_session
from tests.factories.webhooks import make_webhook, make_webhook_event
from tests.factories.workflows import make_custom_node, make_model, make_noop_workflow, make_workflow

__all__ = [
    "INSTRUCTIONS",
    "Collection",
    "Job",
    "add_history",
    "make_asset",
    "make_collection",
    "make_custom_node",
    "make_deck",
    "make_file",
    "make_job",
    "make_model",
    "make_noop_workflow",
    "make_output",
    "make_pause",
    "make_policy",
    "make_project",
    "make_session",
    "make_social_link",
    "make_step",
    "make_upload",
    "make_user",
    "make_webhook",
    "make_webhook_event",
    "make_workflow",
]
