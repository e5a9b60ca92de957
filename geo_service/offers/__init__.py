"""Offers: campaigns, the choice of at most one push among all candidates, and its guarded commit."""
