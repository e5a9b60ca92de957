"""Benchmarks. Ratios within one run are what counts; absolute figures belong to the machine of the day."""
