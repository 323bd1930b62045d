"""Terraform with AWS's provider, run against a region that really runs: apply, an empty second plan, destroy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fogbank.tour import terraform as tour
from fogbank.tour.programs import environment

if TYPE_CHECKING:
    from gateway.live import Live

PROGRAM = os.environ.get("FOGBANK_TERRAFORM") or shutil.which("terraform")
MIRROR = next((place for place in (Path("/opt/tf-plugins"),) if (place / tour.PROVIDER).is_dir()), None)
SECONDS = 240  # a command that takes longer hangs
PROVIDER = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}
"""
RC = 'provider_installation {{\n  filesystem_mirror {{\n    path = "{path}"\n  }}\n}}\n'


class Terraform:
    """A configuration in a directory of its own.

    `named`: the region is called localhost, and the account's name below it resolves, for endpoints that begin with the account.
    """

    def __init__(self, live: Live, work: Path, configuration: str, *, named: bool = False) -> None:
        self._work = work
        self._before: tuple[str, ...] = ()
        endpoint = live.endpoint
        if named:
            hosts = work / "hosts"
            hosts.write_text(f"127.0.0.1 localhost {live.account}.localhost\n")
            script = f'mount --bind {hosts} /etc/hosts && exec "$@"'
            self._before = ("unshare", "--mount", "sh", "-c", script, "sh")
            endpoint = f"http://localhost:{live.port}"
        (work / "main.tf").write_text(PROVIDER + configuration)
        (work / "terraform.rc").write_text(RC.format(path=MIRROR))
        (work / "aws.conf").touch()
        base = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        self._environ = environment(base, endpoint, "us-east-1", work / "aws.conf", live.ca or "") | {
            "AWS_ACCESS_KEY_ID": live.key,
            "AWS_SECRET_ACCESS_KEY": live.secret,
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_CLI_CONFIG_FILE": str(work / "terraform.rc"),
        }

    def run(self, *words: str, expect: int = 0) -> str:
        """Run a command; what it said on its standard output."""
        assert PROGRAM
        done = subprocess.run(
            [*self._before, PROGRAM, *words],
            cwd=self._work,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == expect, (
            f"terraform {words[0]} ended with {done.returncode}:\n{done.stderr or done.stdout}"
        )
        return done.stdout

    def apply(self) -> None:
        """Make what is described."""
        self.run("init", "-input=false", "-no-color")
        self.run("apply", "-auto-approve", "-input=false", "-no-color")

    def change(self, *changes: tuple[str, str]) -> None:
        """Write the configuration otherwise, and make it so."""
        main = self._work / "main.tf"
        text = main.read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        main.write_text(text)
        self.run("apply", "-auto-approve", "-input=false", "-no-color")

    def outputs(self) -> dict[str, Any]:
        """What the configuration gives."""
        return {name: each["value"] for name, each in json.loads(self.run("output", "-json")).items()}

    def plan(self) -> str:
        """A plan that must be empty: the code is 2 if anything would change."""
        return self.run("plan", "-detailed-exitcode", "-input=false", "-no-color")

    def destroy(self) -> str:
        """Remove what was made."""
        return self.run("destroy", "-auto-approve", "-input=false", "-no-color")
