"""Bringing in the data of the former system, from its tables in DynamoDB."""
