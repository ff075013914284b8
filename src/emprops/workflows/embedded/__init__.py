"""Workflows that ComfyUI keeps within the pictures, videos and sounds it makes.

The files come from anybody, so only the structure of their containers is walked, in Python and within limits: nothing
is decoded as a picture or sound.
"""
