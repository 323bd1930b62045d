"""The region as an installation: its settings, data directory, processes, certificates and log. It knows no AWS service."""
