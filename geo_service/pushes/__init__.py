"""Pushes: what is sent to a phone, through whom, and what became of it."""
