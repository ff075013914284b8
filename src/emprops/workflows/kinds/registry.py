"""Which workflow types there are (the contract's ``type`` of a workflow)."""

from emprops.workflows.kinds.base import Kind
from emprops.workflows.kinds.basic import Basic
from emprops.workflows.kinds.comfy_workflow import ComfyWorkflow
from emprops.workflows.kinds.direct_job import DirectJob
from emprops.workflows.kinds.dynamic_json import DynamicJson
from emprops.workflows.kinds.fetch_api import FetchApi

KINDS: dict[str, Kind] = {
    "basic": Basic(),
    "comfy_workflow": ComfyWorkflow(),
    "fetch_api": FetchApi(),
    "direct_job": DirectJob(),
    "dynamic_json": DynamicJson(),
}
