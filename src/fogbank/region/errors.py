"""The one error of the installation that people see: what is wrong, and what to do about it."""

from __future__ import annotations


class RegionError(Exception):
    """Something that the user can put right. `str()` is the whole message, ready to be shown; it needs no traceback."""
