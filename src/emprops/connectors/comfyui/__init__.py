"""ComfyUI as a service: graphs in API form, run by a server on this machine or in this network."""
