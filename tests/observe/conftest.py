from tests.generations.conftest import rig

__all__ = ["rig"]
