"""The race example's pages: what strangers entered comes out as text; and Chromium reads, searches, sorts, with 5,000 runners."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import zipfile
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from generate import generate, table
from pack import packed
from race_results import pages
from race_results.entries import read_files
from race_results.results import results

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
SECONDS = 120  # a browser that takes longer hangs
URL = "http://race-site.s3-website-us-east-1.localhost:4566/bib/1.html"
HOSTILE = [
    "<script>alert(1)</script>", "</td></tr></table><h1>Mine</h1>", '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)",
    "&lt;b&gt;", "</title><script>x</script>", "javascript:alert(1)", "{{7*7}} {0} {policy} %s", "\u202egnp.exe", "-->", "<!--", "]]>",
]  # fmt: skip


def document(runners: int = 0, names: list[str] | None = None) -> dict[str, Any]:
    """Results of a generated race, or of runners with these names (as club, wave and race's name, too)."""
    if not names:
        files, _ = generate(runners, seed=1)
    else:
        numbered = [(str(at), name) for at, name in enumerate(names)]
        runners_of = [[at, name, name, "F", "30", name, "yes"] for at, name in numbered]
        files = {
            "race.csv": table([["key", "value"], ["name", names[0]]]),
            "waves.csv": table([["wave", "gun"], *([name, "10:00"] for name in names)]),
            "runners.csv": table([["bib", "last", "club", "sex", "age", "wave", "show_name"], *runners_of]),
            "reads.csv": table([["bib", "point", "time"], *([at, "finish", "10:20:00"] for at, _ in numbered)]),
        }
    return {"revision": 1, **results(read_files(files))}


class Seen(HTMLParser):
    """What a browser makes of a page: its elements and their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_names_come_out_as_text() -> None:
    made = document(names=HOSTILE)
    plain = document(names=[f"name{at}" for at in range(len(HOSTILE))])
    for at in range(len(HOSTILE)):
        seen = Seen(pages.bib_page(made, made["results"][at], URL))
        assert made["results"][at]["name"] in seen.text
        assert seen.tags == Seen(pages.bib_page(plain, plain["results"][at], URL)).tags
    seen, expected = Seen(pages.index(made)), Seen(pages.index(plain))
    assert (seen.tags, seen.attributes) == (expected.tags, expected.attributes)
    assert all(name in seen.text for name in HOSTILE)


def test_nothing_comes_from_outside() -> None:
    made = document(60)
    for text in (pages.index(made), pages.bib_page(made, made["results"][0], URL)):
        assert not re.search(r"""(src|href)=["']?(https?:|//)|@import|url\(|fetch\(""", text)
        policy = unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy


def test_the_code_is_of_the_address() -> None:
    svg = pages.code(URL).decode()
    assert re.match(r'<svg [^>]*viewBox="0 0 ', svg)  # it is scaled, never cut
    assert "<script" not in svg
    assert pages.code(URL) != pages.code(URL + "?")


def test_the_page_of_5000_runners_is_small_enough_for_a_phone() -> None:
    assert len(pages.index(document(5000)).encode()) < 1_500_000


# What is done on the page, in the browser. It writes what it saw into the page's title.
STEPS = """
addEventListener("load", () => {
  const told = {}, $ = (selector) => document.querySelector(selector), all = (selector) => [...document.querySelectorAll(selector)];
  const column = (n) => all(`tbody tr td:nth-child(${n})`).map((cell) => cell.textContent.trim());
  const type = (id, value) => { $(id).value = value; $(id).dispatchEvent(new Event("input", {bubbles: true})); };
  const clock = (work) => { const begun = performance.now(); work(); document.body.offsetHeight; return performance.now() - begun; };
  told.shown = all("tbody tr").length;
  told.count = $("#count").textContent;
  $("#more").click();
  told.more = all("tbody tr").length;
  told.searching = clock(() => type("#text", SEARCH));
  told.found = column(3);
  type("#text", "4711"); told.bib = column(2);
  type("#text", "nobody of this name"); told.nobody = [$("#count").textContent, $("#more").hidden];
  type("#text", "");
  type("#category", "F30"); told.categories = [...new Set(column(7))]; type("#category", "");
  told.sorting = clock(() => all("thead button")[5].click());
  told.times = column(6).slice(0, 50);
  told.sorted = all("thead th")[5].getAttribute("aria-sort");
  all("thead button")[5].click(); told.down = column(6).slice(0, 50);
  told.alerts = window.alerts || 0;
  told.wide = document.documentElement.scrollWidth <= innerWidth;
  told.club = getComputedStyle(all("thead th")[3]).display;
  document.body.innerHTML = "<pre id=done></pre>"; $("#done").textContent = JSON.stringify(told);
});
"""


def browse(tmp_path: Path, text: str, size: str = "1280,900") -> Any:
    """What came of the steps on a page."""
    script = f"window.alert = () => {{ window.alerts = (window.alerts || 0) + 1; }}; const SEARCH = 'muller';{STEPS}"
    text = text.replace("; script-src ", f"; script-src {pages.digest(script)} ").replace(
        "<title>", f"<script>{script}</script><title>"
    )
    path = tmp_path / "index.html"
    path.write_text(text)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    options = [
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={size}",
        "--virtual-time-budget=20000",
        "--dump-dom",
    ]
    done = subprocess.run(
        [*command, *options, path.as_uri()], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.search(r'<pre id="done">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[:2000]
    return json.loads(unescape(found[1]))


@pytest.mark.slow
@pytest.mark.xdist_group("clients")
@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed (`make programs`)")
@pytest.mark.parametrize("size", ["1280,900", "500,900"], ids=["desk", "phone"])
def test_the_page_in_a_browser(tmp_path: Path, size: str) -> None:
    made = document(5000)
    told = browse(tmp_path, pages.index(made), size)
    assert (told["shown"], told["more"]) == (200, 1200)
    assert told["count"] == "200 of 5,000 shown"
    assert told["found"]
    assert all("Müller" in name for name in told["found"])
    assert told["bib"] == ["4711"]
    assert told["nobody"] == ["Nobody is found.", True]
    assert told["categories"] == ["F30"]
    seconds = [sum(int(part) * 60**at for at, part in enumerate(reversed(time.split(":")))) for time in told["times"]]
    assert told["sorted"] == "ascending"
    assert seconds == sorted(seconds)
    fastest = min(each["gun_ms"] for each in made["results"] if each["status"] == "finished")
    assert told["times"][0] == pages.shown(fastest)
    assert told["down"][0] != told["times"][0]
    assert told["alerts"] == 0
    assert told["wide"]
    assert (told["club"] == "none") == (size == "500,900")


def test_the_zip_has_code_alone_and_is_always_the_same() -> None:
    data = packed()
    assert packed() == data
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        names = made.namelist()
        assert {entry.external_attr >> 16 for entry in made.infolist()} == {
            0o644
        }  # else the function could not read it
    assert {"race_results/handler.py", "race_results/page.js", "segno/__init__.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("/")]
