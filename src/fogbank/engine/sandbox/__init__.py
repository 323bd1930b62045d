"""Sandboxes: processes of functions, apart from the machine and from each other."""
