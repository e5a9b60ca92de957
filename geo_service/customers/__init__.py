"""Customers with their cards and phones, and what they agreed to."""
