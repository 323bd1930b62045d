"""The pages: the whole table, which reads, searches and sorts without any outside resource, and one page for each bib.

Whatever comes from files is escaped, and a policy in each page lets no script run but its own.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from race_results.times import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    Document = dict[str, Any]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
_STATUS = {
    "finished": "Finished", "on course": "On the course", "waiting": "Not started yet",
    "DNF": "Did not finish", "DNS": "Did not start", "DSQ": "Disqualified",
}  # fmt: skip
# The table's columns: (key, head, class, how it is sorted). Columns of class `wide` are left out on a phone.
_COLUMNS = (
    ("place", "Place", "n", "number"), ("bib", "Bib", "n", "number"), ("name", "Name", "", "text"), ("club", "Club", "wide", "text"),
    ("time", "Time", "n", "number"), ("gun", "Gun time", "n wide", "number"), ("category", "Category", "", "text"),
    ("incategory", "in it", "n wide", "number"), ("wave", "Wave", "wide", "text"), ("inwave", "in it", "n wide", "number"),
)  # fmt: skip


@cache
def asset(name: str) -> str:
    """A file beside this one."""
    return Path(__file__).with_name(name).read_text()


def page(title: str, body: str, style: str, script: str = "") -> str:
    """A whole page. Only this style and this script are allowed in it, by their digests."""
    policy = f"default-src 'none'; img-src 'self' data:; style-src {digest(style)}; base-uri 'none'; form-action 'none'"
    if script:
        policy += f"; script-src {digest(script)}"
        body += f"\n<script>{script}</script>"
    return _PAGE.format(policy=policy, title=escape(title), style=style, body=body)


@cache
def digest(text: str) -> str:
    """What a Content-Security-Policy calls an inline style or script by."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def index(document: Document) -> str:
    """The page with the whole table. Every row is in it, so it is read without scripts too; they search, sort and filter."""
    race = document["race"]
    title = escape(race["name"])
    heads = "".join(
        f'<th scope="col" class="{style}" data-sort="{how}"><button type="button">{head}</button></th>'
        for _, head, style, how in _COLUMNS
    )
    body = f"""<header><h1>{title}</h1><p>{summary(document)}</p></header>
<main>
<form id="find" role="search" hidden>
<label>Search <input id="text" type="search" autocomplete="off" placeholder="Name, bib or club"></label>
<label>Category <select id="category"><option value="">All</option>{options(document["categories"])}</select></label>
<label>Wave <select id="wave"><option value="">All</option>{options(document["waves"])}</select></label>
</form>
<p id="count" role="status" aria-live="polite"></p>
<div class="scroll" tabindex="0" role="region" aria-label="Results">
<table id="results"><caption>Results, ranked by {race["ranked_by"]} time</caption>
<thead><tr>{heads}</tr></thead>
<tbody>
{"".join(rows(document))}</tbody></table></div>
<button type="button" id="more" hidden>Show more</button>
</main>
<footer><p>Only runners who chose to show their name are named. <a href="results.json">The same as JSON</a></p></footer>"""
    return page(race["name"], body, asset("page.css") + asset("table.css"), asset("page.js"))


def summary(document: Document) -> str:
    """One line on the race."""
    race, counts = document["race"], document["counts"]
    parts = [race["date"], f"{race['kilometres']:g} km", f"{counts['finished']:,} finished"]
    parts += [f"{counts[name]:,} {_STATUS[name].lower()}" for name in counts if name != "finished" and counts[name]]
    text = " · ".join(escape(part) for part in parts if part)
    return f"{text} · <strong>{document['state']}</strong>"


def options(names: list[str]) -> str:
    """The options of a choice."""
    return "".join(f"<option>{escape(name)}</option>" for name in names if name)


def rows(document: Document) -> Iterator[str]:
    """The table's rows."""
    for each in document["results"]:
        places, bib = each["places"], escape(each["bib"])
        finished = each["status"] == "finished"
        values = {
            "place": str(places["overall"]) if finished else escape(each["status"]),
            "bib": f'<a href="bib/{bib}.html">{bib}</a>',
            "name": escape(each.get("name", "")),
            "club": escape(each.get("club", "")),
            "time": shown(each["chip_ms"]) if finished else "",
            "gun": shown(each["gun_ms"]) if finished else "",
            "category": escape(each["category"]),
            "incategory": str(places.get("category", "")),
            "wave": escape(each["wave"]),
            "inwave": str(places.get("wave", "")),
        }
        values["name"] = values["name"] or f"Bib {bib}"
        yield (
            "<tr>"
            + "".join(
                f'<td class="{style}">{values[key]}' if style else f"<td>{values[key]}" for key, _, style, _ in _COLUMNS
            )
            + "\n"
        )


def bib_page(document: Document, each: Document, url: str) -> str:
    """The page of one bib."""
    race, bib = document["race"], escape(each["bib"])
    name = escape(each.get("name", ""))
    lines = "".join(
        f"<div><dt>{escape(term)}</dt><dd>{escape(told)}</dd></div>" for term, told in facts(document, each) if told
    )
    body = f"""<header><p><a href="../index.html">{escape(race["name"])}</a> · {escape(race["date"])}</p>
<h1>{name or f"Bib {bib}"}</h1></header>
<main class="one">
<dl>{lines}</dl>
<figure><img src="{code_name(each["bib"], url)}" width="180" height="180" alt="QR code of this page's address">
<figcaption>{escape(url)}</figcaption></figure>
</main>"""
    return page(f"{each.get('name') or 'Bib ' + each['bib']}: {race['name']}", body, asset("page.css"))


def facts(document: Document, each: Document) -> Iterator[tuple[str, str]]:
    """What the page of a bib tells: terms, and what they are."""
    yield "Bib", each["bib"]
    yield "Club", each.get("club", "")
    yield "Status", _STATUS[each["status"]] + (" (provisional)" if document["state"] == "provisional" else "")
    if each["status"] == "finished":
        yield "Chip time", shown(each["chip_ms"])
        yield "Gun time", shown(each["gun_ms"])
    for point, time in each["splits_ms"].items():
        yield f"At {point}", shown(time)
    places = each["places"]
    if places:
        yield "Place overall", f"{places['overall']} of {document['counts']['finished']}"
    yield f"Place in category {each['category']}", str(places.get("category", ""))
    yield f"Place in wave {each['wave']}", str(places.get("wave", ""))


def code_name(bib: str, url: str) -> str:
    """The name of the image with a bib's code: another address, another image."""
    return f"{bib}-{hashlib.sha256(url.encode()).hexdigest()[:8]}.svg"


def code(url: str) -> bytes:
    """A QR code of an address, as SVG. `segno` is packed into the function's zip."""
    from io import BytesIO

    import segno

    out = BytesIO()
    segno.make(url, error="m", micro=False).save(
        out, kind="svg", scale=4, border=4, light="#fff", xmldecl=False, omitsize=True
    )
    return out.getvalue()
