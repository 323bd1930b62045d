"""The rules find what they forbid."""

from __future__ import annotations

import pytest
from tests.architecture.source import SRC, Module, calls
from tests.architecture.test_ambient import AMBIENT
from tests.architecture.test_exceptions import is_ellipsis
from tests.architecture.test_imports import allowed
from tests.architecture.test_tests import asserts


def written(path: str, text: str) -> Module:
    """A module that is not there."""
    return Module(SRC / "fogbank" / path, text)


@pytest.mark.parametrize(
    ("path", "statement", "fine"),
    [
        ("wire/x.py", "from fogbank.store.api import Tx", False),
        ("wire/x.py", "import fogbank.auth.claims", False),
        ("store/x.py", "from fogbank.wire import http", False),
        ("auth/x.py", "from fogbank.wire.http import HttpRequest", True),
        ("auth/x.py", "from fogbank.wire.errors import AwsError", True),
        ("auth/x.py", "from fogbank.wire.service import load", False),
        ("auth/x.py", "from fogbank import wire", False),
        ("core/x.py", "from fogbank.wire.service import load", True),
        ("core/x.py", "from fogbank.services import registry", False),
        ("core/x.py", "from fogbank.gateway.app import Gateway", False),
        ("services/s3/x.py", "from fogbank.core.call import Call", True),
        ("services/s3/x.py", "def f():\n    from fogbank.gateway import app", False),
        ("region/x.py", "from fogbank.core.clock import Clock", False),
        ("gateway/x.py", "from fogbank.region import settings", True),
        ("gateway/x.py", "from fogbank.cli import up", False),
        ("control/x.py", "import_module('fogbank.gateway.app')", False),
        ("wire/x.py", "import_module(f'fogbank.store.{name}')\nname = 'api'", False),
        ("wire/x.py", "from fogbank import __version__", True),
    ],
)
def test_imports(path: str, statement: str, fine: bool) -> None:
    module = written(path, statement)
    assert module.imports
    assert all(allowed(module, name) for name in module.imports) == fine


@pytest.mark.parametrize(
    "text",
    [
        "from time import sleep\nsleep(1)",
        "import time as clock\nclock.time()",
        "from datetime import datetime\ndatetime.now(UTC)",
        "import datetime\ndatetime.date.today()",
        "from uuid import uuid4\nuuid4()",
        "import random\nrandom.choice([1])",
        "import os\nf(default=os.urandom)",
    ],
)
def test_ambient_state(text: str) -> None:
    assert any(AMBIENT.fullmatch(name) for name, _ in calls(written("wire/x.py", text)))


def test_what_is_not_ambient() -> None:
    text = "import time, uuid\nfrom datetime import datetime\ntime.monotonic(), uuid.UUID(int=1), datetime.fromtimestamp(0)"
    assert not [name for name, _ in calls(written("wire/x.py", text)) if AMBIENT.fullmatch(name)]


def test_swallowed_errors_and_assertions() -> None:
    body = written("x.py", "...\nassert x\npytest.raises(E)\nf(x)").tree.body
    assert is_ellipsis(body[0])
    assert asserts(body[1])
    assert [asserts(getattr(step, "value", step)) for step in body[2:]] == [True, False]
