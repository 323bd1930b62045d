"""The control process is tested beside real regions too."""

from gateway.conftest import live

__all__ = ["live"]
