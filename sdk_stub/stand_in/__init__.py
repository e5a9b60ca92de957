"""Stand-ins for APNs and FCM: servers on loopback that speak the providers' protocols, check what the real
ones check, answer as they answer, and fail on request. For the demo, for tests and for benchmarks; they
deliver nothing outside this machine.
"""
