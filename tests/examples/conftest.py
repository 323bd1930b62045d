"""The example's own code, as its zip has it and as its README runs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "race-results"
sys.path[:0] = [str(EXAMPLE), str(EXAMPLE / "function")]
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the handler makes its client when it is imported
