"""The workers as operators see them, and maintenance: who may claim nothing for now."""
