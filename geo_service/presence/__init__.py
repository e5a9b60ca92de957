"""Presence: from the pings of one phone to what we believe about it and each geofence, and to transitions."""
