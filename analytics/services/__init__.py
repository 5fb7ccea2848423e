"""Writing the event log, and keeping its partitions."""
