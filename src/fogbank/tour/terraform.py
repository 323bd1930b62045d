"""The step with Terraform: what examples/terraform describes is made, is as described, and is removed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fogbank.tour import programs

if TYPE_CHECKING:
    from fogbank.tour.tour import Tour

EXAMPLE = Path("examples", "terraform", "main.tf")
PROVIDER = Path("registry.terraform.io", "hashicorp", "aws")
_MIRROR = """provider_installation {{
  filesystem_mirror {{
    path = "{path}"
  }}
}}
"""
_PLACES = (Path("/opt/tf-plugins"), Path("~/.terraform.d/plugins"), Path("/usr/local/share/terraform/plugins"))


def terraform(tour: Tour) -> None:
    """init, apply, an empty plan, destroy."""
    program = os.environ.get("FOGBANK_TERRAFORM") or programs.find("terraform", tour.runner.environ)
    example = example_file()
    if not program or not example:
        tour.screen.skipped(
            "Terraform is not on the PATH (FOGBANK_TERRAFORM may name it)" if not program else f"{EXAMPLE} is not here"
        )
        return
    work = tour.work / "terraform"
    work.mkdir()
    (work / "main.tf").write_text(example.read_text())
    environ = environment(tour, work)

    def run(*words: str, expect: int | None = 0) -> programs.Done:
        return tour.runner.run([program, *words], environ=environ, cwd=work, expect=expect)

    done = run("init", "-input=false", "-no-color", expect=None)
    if done.code != 0 and "TF_CLI_CONFIG_FILE" not in environ:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("Error")), "terraform init failed")
        tour.screen.skipped(
            f"the AWS provider cannot be installed here ({reason}); FOGBANK_TERRAFORM_PLUGINS may name a mirror"
        )
        return
    tour.check(done.code == 0, f"terraform init: {done.stderr[-2000:]}")
    try:
        done = run("apply", "-auto-approve", "-input=false", "-no-color")
        tour.screen.say(next((line for line in done.text.splitlines() if line.startswith("Apply complete")), ""))
        account = run("output", "-raw", "account").text
        tour.check(account == tour.target.runtime.account, f"Terraform was told that the account is {account}")
        done = run("plan", "-detailed-exitcode", "-input=false", "-no-color", expect=None)
        tour.check(
            done.code == 0, f"after apply, terraform plan is not empty:\n{done.text[-3000:]}{done.stderr[-1000:]}"
        )
        tour.screen.say("the plan is empty: all is as described")
    finally:
        done = run("destroy", "-auto-approve", "-input=false", "-no-color")
    tour.screen.say(next((line for line in done.text.splitlines() if line.startswith("Destroy complete")), ""))


def example_file() -> Path | None:
    """The example: beside the source, or below the current directory."""
    places = [Path(__file__).resolve().parents[3], Path.cwd()]
    return next((place / EXAMPLE for place in places if (place / EXAMPLE).is_file()), None)


def environment(tour: Tour, work: Path) -> dict[str, str]:
    """Terraform's settings: the bucket's name, no news from its maker, and where the provider is, if it is on this machine."""
    environ = {
        "TF_VAR_bucket": f"{tour.bucket}-tf",
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_DATA_DIR": str(work / "data"),
    }
    if Path(os.environ.get("TF_CLI_CONFIG_FILE", "")).is_file():
        return environ
    named = os.environ.get("FOGBANK_TERRAFORM_PLUGINS")
    places = [Path(named)] if named else [place.expanduser() for place in _PLACES]
    for place in places:
        if (place / PROVIDER).is_dir():
            path = work / "terraform.rc"
            path.write_text(_MIRROR.format(path=place))
            return environ | {"TF_CLI_CONFIG_FILE": str(path)}
    return environ
