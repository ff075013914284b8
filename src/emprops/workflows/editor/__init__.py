"""Workflows as ComfyUI's editor saves them, converted to what its server runs."""
