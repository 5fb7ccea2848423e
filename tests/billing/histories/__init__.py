"""Random histories of customers, and an oracle that says what each of them owes."""
