"""One package per AWS service, all with the same file names."""
