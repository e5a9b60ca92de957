"""The demo: a town, its customers and their phones against the real service, told as it happens."""
