from tests.orchestrator.conftest import rig, rig_settings

__all__ = ["rig", "rig_settings"]
