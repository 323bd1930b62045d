"""A real browser: Chromium opens a website of the region, whose page uploads and reads across origins."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from gateway.live import Live
from services.helpers import make_public

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
SECONDS = 120  # a browser that takes longer hangs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("clients"),
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed (`make programs`)"),
]

# What the page does. A name maps to what came of it: the status, or the browser's refusal.
SCRIPT = """
const done = {};
async function attempt(name, work) {
  try { done[name] = await work(); } catch (error) { done[name] = error.name; }
}
function form(upload, data) {
  const made = new FormData();
  for (const [name, value] of Object.entries(upload.fields)) made.append(name, value);
  made.append("file", new Blob([data]), "picked.txt");
  return made;
}
(async () => {
  await attempt("put", async () => {
    const headers = {"Content-Type": "text/plain", "x-amz-meta-from": "browser"};
    const answer = await fetch(PLAN.put, {method: "PUT", headers, body: "put by a page"});
    return [answer.status, answer.headers.get("ETag") !== null, answer.headers.get("x-amz-request-id")];
  });
  await attempt("post", async () => {
    const answer = await fetch(PLAN.post.url, {method: "POST", body: form(PLAN.post, "posted by a page")});
    return [answer.status, new DOMParser().parseFromString(await answer.text(), "text/xml").querySelector("Key").textContent];
  });
  await attempt("too large", async () => {
    const answer = await fetch(PLAN.post.url, {method: "POST", body: form(PLAN.post, "x".repeat(2000))});
    return [answer.status, (await answer.text()).includes("EntityTooLarge")];
  });
  await attempt("get", async () => (await fetch(PLAN.get)).text());
  await attempt("missing", async () => (await fetch(PLAN.missing)).status);
  await attempt("delete", async () => (await fetch(PLAN.get, {method: "DELETE"})).status);
  await attempt("no rules", async () => (await fetch(PLAN.closed)).status);
  await attempt("folder", async () => { const answer = await fetch("/docs"); return [answer.url, await answer.text()]; });
  await attempt("nowhere", async () => { const answer = await fetch("/nowhere"); return [answer.status, await answer.text()]; });
  document.getElementById("done").textContent = JSON.stringify(done);
})();
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region of its own."""
    made = Live(tmp_path_factory.mktemp("region") / "data", "--workers", "1")
    yield made
    made.end()


def publish(s3: Any, bucket: str, **pages: str) -> None:
    """Make a bucket a website with these pages, that anybody may read."""
    s3.create_bucket(Bucket=bucket)
    make_public(s3, bucket)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    site = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}}
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=site)
    for key, text in pages.items():
        s3.put_object(Bucket=bucket, Key=key.replace("__", "/") + ".html", Body=text, ContentType="text/html")


def browse(url: str, profile: Path) -> str:
    """The document of a page after its script has run, as Chromium writes it."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    options = [f"--user-data-dir={profile}", "--virtual-time-budget=20000", "--dump-dom", url]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_a_page_uploads_and_reads_across_origins(live: Live, tmp_path: Path) -> None:
    s3 = live.client("s3", signature_version="s3v4", s3={"addressing_style": "path"})
    origin = f"http://pages.s3-website.localhost:{live.port}"
    for name in ("data", "closed"):
        s3.create_bucket(Bucket=name)
    s3.put_object(Bucket="data", Key="there", Body=b"read by a page")
    rule = {
        "AllowedOrigins": [f"http://*.s3-website.localhost:{live.port}"],
        "AllowedMethods": ["GET", "PUT", "POST"],
        "AllowedHeaders": ["content-type", "x-amz-*"],
        "ExposeHeaders": ["ETag"],
    }
    s3.put_bucket_cors(Bucket="data", CORSConfiguration={"CORSRules": [rule]})
    fields = {"success_action_status": "201"}
    conditions = [fields, ["content-length-range", 1, 1000]]
    put = {"Bucket": "data", "Key": "put", "ContentType": "text/plain", "Metadata": {"from": "browser"}}
    plan = {
        "put": s3.generate_presigned_url("put_object", put),
        "post": s3.generate_presigned_post("data", "up/${filename}", fields, conditions),
        "get": s3.generate_presigned_url("get_object", {"Bucket": "data", "Key": "there"}),
        "missing": s3.generate_presigned_url("get_object", {"Bucket": "data", "Key": "missing"}),
        "closed": s3.generate_presigned_url("get_object", {"Bucket": "closed", "Key": "there"}),
    }
    page = f"<p id=done></p><script>const PLAN = {json.dumps(plan)};{SCRIPT}</script>"
    publish(s3, "pages", index=page, error="sorry", docs__index="documents")

    shown = browse(f"{origin}/", tmp_path / "profile")
    found = re.search('<p id="done">(.*?)</p>', shown, re.DOTALL)
    assert found, shown
    assert json.loads(unescape(found[1])) == {
        "put": [200, True, None],  # only what is exposed can be read
        "post": [201, "up/picked.txt"],
        "too large": [400, True],
        "get": "read by a page",
        "missing": 404,
        "delete": "TypeError",  # the browser does not send it
        "no rules": "TypeError",  # nor shows the answer
        "folder": [f"{origin}/docs/", "documents"],
        "nowhere": [403, "sorry"],
    }
    assert s3.get_object(Bucket="data", Key="put")["Body"].read() == b"put by a page"
    assert s3.head_object(Bucket="data", Key="put")["Metadata"] == {"from": "browser"}
    assert s3.get_object(Bucket="data", Key="up/picked.txt")["Body"].read() == b"posted by a page"
    assert s3.head_object(Bucket="data", Key="there")["ContentLength"] == 14


def test_a_form_without_scripts(live: Live, tmp_path: Path) -> None:
    """A form that is sent by the browser itself, and where it leads afterwards."""
    s3 = live.client("s3", signature_version="s3v4", s3={"addressing_style": "path"})
    origin = f"http://forms.s3-website.localhost:{live.port}"
    s3.create_bucket(Bucket="inbox")
    after = f"{origin}/after.html"
    fields = {"success_action_redirect": after, "Content-Type": "text/plain"}
    upload = s3.generate_presigned_post("inbox", "note", fields, [fields])
    inputs = "".join(f'<input type=hidden name="{name}" value="{value}">' for name, value in upload["fields"].items())
    page = (
        f'<form action="{upload["url"]}" method=post enctype="multipart/form-data">{inputs}'
        "<textarea name=file>written by hand</textarea></form><script>document.forms[0].submit()</script>"
    )
    told = "<p id=done></p><script>document.all.done.textContent = location.search</script>"
    publish(s3, "forms", index=page, after=told, error="no")
    shown = browse(f"{origin}/", tmp_path / "profile")
    assert "bucket=inbox&amp;key=note&amp;etag=%22" in shown
    assert s3.get_object(Bucket="inbox", Key="note")["Body"].read() == b"written by hand"
