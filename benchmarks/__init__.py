"""Speed, measured on one machine in one run with everything real: `make bench` writes docs/performance.md."""
