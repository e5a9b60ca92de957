"""Tenants and their keys: made by the operator on the owner's connection, read by the service to authenticate."""
