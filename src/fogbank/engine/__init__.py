"""Engines: what runs beside the region for its services."""
