"""`fogbank …`: the command line. Thin: each command is a file, and what it does is in `fogbank.region`."""
