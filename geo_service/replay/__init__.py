"""Replay: recorded positions through the code of production."""
