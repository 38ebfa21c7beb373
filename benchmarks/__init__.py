"""Speed beside nginx and docker-registry, measured on one machine in one run: `python -m benchmarks`."""
