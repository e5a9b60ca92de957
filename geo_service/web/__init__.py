"""What every endpoint shares: problem answers, validation, keys, limits, OpenAPI. No SQL, no database."""
