"""The service: from a ping to one timely push, or to a stored reason for silence."""
