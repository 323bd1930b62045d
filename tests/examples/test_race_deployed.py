"""The race example deployed to a region that runs: S3 tells Lambda, the function writes pages, S3 shows them to everybody."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from deploy import Deployment
from generate import generate
from pack import HERE, packed
from tests.services.iam.terraform import MIRROR, PROGRAM, Terraform

from gateway.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.slow, pytest.mark.crash, pytest.mark.xdist_group("functions")]

FOGBANK = Path(sys.executable).with_name("fogbank")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
RUNNERS = 60
SECONDS = 240  # a busy machine is slow; what takes longer hangs


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region."""
    made = Live(tmp_path_factory.mktemp("region") / "data")
    yield made
    made.end()


def wait(condition: Callable[[], Any]) -> Any:
    """What a condition gives once it holds."""
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)
    return found


def look(live: Live, path: str) -> str:
    """A page of the site, as anybody gets it; empty if there is none yet."""
    host = f"race-site.s3-website-us-east-1.localhost:{live.port}"
    request = urllib.request.Request(f"{live.endpoint}/{path}", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        error.close()
        return ""


def settled(live: Live, truth: dict[str, Any]) -> dict[str, Any] | None:
    """The published results, once they are as it was and all pages are there."""
    if not (text := look(live, "results.json")):
        return None
    document: dict[str, Any] = json.loads(text)
    told = {
        each["bib"]: {name: each[name] for name in ("wave", "status", "gun_ms", "chip_ms") if name in each}
        for each in document["results"]
    }
    pages = live.client("s3").list_objects_v2(Bucket="race-site")["KeyCount"]
    return document if told == truth and pages == 2 * len(truth) + 2 else None


def logged(live: Live) -> list[dict[str, Any]]:
    """The function's lines that tell of results; they arrive some time after its answer."""
    logs = live.client("logs")
    try:
        return list(logs.filter_log_events(logGroupName="/aws/lambda/race-results", filterPattern="revision")["events"])
    except logs.exceptions.ResourceNotFoundException:
        return []


def used(live: Live) -> list[dict[str, Any]]:
    """What `fogbank usage` tells, once it knows of at least two requests; it is written some time after them."""
    words = [FOGBANK, "usage", "--data", str(live.data), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    resources: list[dict[str, Any]] = json.loads(done.stdout)["resources"]
    return resources if sum(each["units"]["requests"] for each in resources) >= 2 else []


def upload(live: Live, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        live.client("s3").put_object(Bucket="race-reads", Key=name, Body=data)


def check_pages(live: Live, document: dict[str, Any]) -> None:
    """Names are where they may be, and each bib has its page, its code and its place."""
    index = look(live, "index.html")
    for each in document["results"][:5] + document["results"][-5:]:
        page = look(live, f"bib/{each['bib']}.html")
        assert f'href="bib/{each["bib"]}.html"' in index
        assert f"<dd>{each['bib']}</dd>" in page
        code = page.split('<img src="')[1].split('"')[0]
        assert look(live, f"bib/{code}").startswith("<svg")


def check_in_a_browser(made: Deployment, profile: Path) -> None:
    """Chromium opens the published page at its address, and its script has run."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    options = [f"--user-data-dir={profile}", "--virtual-time-budget=20000", "--dump-dom", f"{made.url}/"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert f"{RUNNERS} of {RUNNERS} shown" in done.stdout, done.stdout[:2000] + done.stderr[-2000:]


def test_files_arrive_and_results_are_there(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", live.endpoint)
    made = Deployment("race", boto3.Session(live.key, live.secret, region_name="us-east-1"))
    made.deploy()
    assert made.url == f"http://race-site.s3-website-us-east-1.localhost:{live.port}"
    files, truth = generate(RUNNERS, seed=8)
    upload(live, files)
    document = wait(lambda: settled(live, truth))
    check_pages(live, document)
    if CHROMIUM:
        check_in_a_browser(made, tmp_path / "profile")
    first = document["results"][0]["bib"]
    upload(live, {"corrections-9.csv": f"bib,action\n{first},dsq\n".encode()})
    truth[first] = {"wave": truth[first]["wave"], "status": "DSQ"}
    assert wait(lambda: settled(live, truth))["results"][0]["places"]["overall"] == 1
    wait(lambda: "Disqualified" in look(live, f"bib/{first}.html"))
    told = f"'DSQ': {sum(each['status'] == 'DSQ' for each in truth.values())}"
    wait(lambda: any(told in each["message"] for each in logged(live)))
    (metered,) = wait(lambda: used(live))
    assert (metered["service"], metered["resource"]) == ("lambda", "race-results")
    assert metered["price"] > 0
    made.deploy()
    made.delete()
    assert live.client("s3").list_buckets()["Buckets"] == []
    assert live.client("lambda").list_functions()["Functions"] == []
    assert live.client("iam").list_roles()["Roles"] == []


def test_a_kill_in_the_middle_of_the_pages(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control process, with all its sandboxes, is killed while pages are written: the events come again, and it is finished."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", live.endpoint)
    Deployment("race", boto3.Session(live.key, live.secret, region_name="us-east-1")).deploy()
    files, truth = generate(200, seed=4)
    upload(live, files)
    wait(lambda: look(live, "index.html"))
    os.kill(live.runtime()["children"]["control"]["pid"], signal.SIGKILL)
    check_pages(live, wait(lambda: settled(live, truth)))


@pytest.mark.xdist_group("terraform")
@pytest.mark.skipif(not (PROGRAM and MIRROR), reason="Terraform and a mirror of AWS's provider are needed")
def test_with_terraform(live: Live, tmp_path: Path) -> None:
    terraform = Terraform(live, tmp_path, "")
    shutil.copy(HERE / "main.tf", tmp_path / "main.tf")
    (tmp_path / "function.zip").write_bytes(packed())
    (tmp_path / "terraform.tfvars").write_text(f'endpoint = "http://s3-website-us-east-1.localhost:{live.port}"\n')
    terraform.apply()
    terraform.plan()
    assert terraform.outputs()["results"] == f"http://race-site.s3-website-us-east-1.localhost:{live.port}/"
    files, truth = generate(20, seed=2)
    upload(live, files)
    check_pages(live, wait(lambda: settled(live, truth)))
    terraform.destroy()
