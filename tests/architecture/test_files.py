"""Tracked files: no addresses of package registries, and links that lead somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.architecture.source import ROOT, tracked

if TYPE_CHECKING:
    from pathlib import Path

# Packages come from whatever the machine is set up with; split, so that this file is clean too.
REGISTRIES = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "yarn" + "pkg.com",
    "crates" + ".io",
    "ruby" + "gems.org",
    "proxy.go" + "lang.org",
    "conda" + ".org",
    "ana" + "conda.com",
    "deb." + "debian.org",
    "archive." + "ubuntu.com",
    "maven" + ".org",
]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def test_no_file_names_a_package_registry() -> None:
    wrong = [f"{path.relative_to(ROOT)}: {host}" for path, text in texts() for host in REGISTRIES if host in text]
    assert not wrong


def test_links_of_documents_lead_to_files() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {target}"
        for path, text in texts()
        if path.suffix == ".md"
        for target in LINK.findall(text)
        if not re.match(r"[a-z]+:|#", target)
        if not (path.parent / target.partition("#")[0]).exists()
    ]
    assert not wrong


def texts() -> list[tuple[Path, str]]:
    return [(path, path.read_text(errors="replace")) for path in tracked()]
