"""Routing: the way from the customer to the shop's entrance, on foot."""
