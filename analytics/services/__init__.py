"""Writing the event log and keeping its partitions; snapshots and roll-ups."""
