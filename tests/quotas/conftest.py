from tests.orchestrator.conftest import rig

__all__ = ["rig"]
