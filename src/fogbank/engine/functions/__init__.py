"""Runs functions: their environments, the Runtime and Extensions APIs, the pool of environments."""
