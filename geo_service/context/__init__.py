"""Context: what is true of the world when a customer passes. Opening hours now; weather and rules are to come."""
