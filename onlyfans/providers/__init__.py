"""What knows no database: the bucket, the queue, the shapes of notifications and of result files."""
