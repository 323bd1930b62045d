"""The race example's function on S3: events that come twice, out of order and all at once; corrections; whom pages are of."""

from __future__ import annotations

import json
import random
import threading
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from generate import generate
from race_results import handler

if TYPE_CHECKING:
    from support.region import LocalRegion

URL = "http://race-site.s3-website-us-east-1.localhost:4566"
RUNNERS = "bib,first,last,wave,show_name\n1,Ada,One,A,yes\n2,Ben,Two,A,no\n3,Cem,Three,A,yes\n"
FILES = {
    "runners.csv": RUNNERS,
    "waves.csv": "wave,gun\nA,10:00\n",
    "reads-1.csv": "bib,point,time\n1,finish,10:20:00\n2,finish,10:19:00\n",
}


@pytest.fixture
def s3(region: LocalRegion, monkeypatch: pytest.MonkeyPatch) -> Any:
    """S3, with the example's buckets, where the function finds it."""
    made = region.client("s3", max_pool_connections=20)
    for bucket in ("race-reads", "race-site"):
        made.create_bucket(Bucket=bucket)
    monkeypatch.setattr(handler, "s3", made)
    monkeypatch.setenv("SITE_BUCKET", "race-site")
    monkeypatch.setenv("SITE_URL", URL)
    handler._read.clear()
    return made


def upload(s3: Any, files: dict[str, Any]) -> None:
    for key, body in files.items():
        s3.put_object(Bucket="race-reads", Key=key, Body=body)


def happen(*keys: str, id_: str = "") -> dict[str, Any]:
    """An event, as S3 tells it."""
    context = SimpleNamespace(aws_request_id=id_ or str(uuid.uuid4()))
    records = [
        {"eventSource": "aws:s3", "s3": {"bucket": {"name": "race-reads"}, "object": {"key": key}}} for key in keys
    ]
    told: dict[str, Any] = handler.handle({"Records": records}, context)
    return told


def site(s3: Any) -> dict[str, bytes]:
    """All that is published."""
    keys = [
        each["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="race-site")
        for each in page["Contents"]
    ]
    return {key: s3.get_object(Bucket="race-site", Key=key)["Body"].read() for key in keys}


def places(s3: Any) -> dict[str, int]:
    """Who is where, by the published results."""
    document = json.loads(site(s3)["results.json"])
    return {each["bib"]: each["places"].get("overall", 0) for each in document["results"]}


def test_results_pages_and_codes(s3: Any) -> None:
    upload(s3, FILES)
    assert happen("reads-1.csv")["race-reads"]["revision"] == 1
    published = site(s3)
    assert [key for key in published if not key.endswith(".svg")] == [
        "bib/1.html", "bib/2.html", "bib/3.html", "index.html", "results.json",
    ]  # fmt: skip
    assert sum(key.endswith(".svg") for key in published) == 3
    assert b"Ada One" in published["bib/1.html"]
    assert b"20:00" in published["bib/1.html"]
    assert places(s3) == {"2": 1, "1": 2, "3": 0}
    head = s3.head_object(Bucket="race-site", Key="index.html")
    assert head["ContentType"] == "text/html; charset=utf-8"


def test_nothing_that_is_published_names_who_did_not_choose_it(s3: Any) -> None:
    upload(s3, FILES)
    happen("runners.csv")
    assert not [key for key, body in site(s3).items() if b"Ben" in body or b"Two" in body]
    upload(s3, {"runners.csv": RUNNERS.replace("One,A,yes", "One,A,no")})
    happen("runners.csv")
    assert not [key for key, body in site(s3).items() if b"Ada" in body or b"One" in body]


def test_an_event_that_comes_again_writes_nothing(s3: Any) -> None:
    upload(s3, FILES)
    happen("waves.csv")
    before = site(s3)
    for key in ("waves.csv", "reads-1.csv", "gone.csv"):
        assert happen(key)["race-reads"] == {"revision": 1, "written": 0, "left": False}
    assert site(s3) == before


def test_the_order_in_which_files_come_does_not_matter(s3: Any) -> None:
    files, _ = generate(60, seed=3)
    found = []
    for seed in range(3):
        keys = list(files)
        random.Random(seed).shuffle(keys)
        for key in keys:
            upload(s3, {key: files[key]})
            happen(key)
        document = json.loads(site(s3)["results.json"])
        found.append({name: value for name, value in document.items() if name != "revision"})
        s3.delete_objects(Bucket="race-reads", Delete={"Objects": [{"Key": key} for key in files]})
    assert found[0] == found[1] == found[2]


def test_a_late_correction_moves_places_and_its_pages_alone(s3: Any) -> None:
    upload(s3, FILES)
    happen("reads-1.csv")
    before = site(s3)
    upload(s3, {"corrections-1.csv": "bib,action,point,time\n1,time,finish,10:18:00\n"})
    happen("corrections-1.csv")
    after = site(s3)
    assert places(s3) == {"1": 1, "2": 2, "3": 0}
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {"bib/1.html", "bib/2.html", "index.html", "results.json"}


def test_a_bib_that_is_no_more_has_no_page(s3: Any) -> None:
    upload(s3, FILES)
    happen("reads-1.csv")
    upload(s3, {"runners.csv": RUNNERS.replace("3,Cem", "4,Cem")})
    happen("runners.csv")
    keys = {key.partition("-")[0] for key in site(s3)}
    assert keys == {"bib/1", "bib/2", "bib/4", "bib/1.html", "bib/2.html", "bib/4.html", "index.html", "results.json"}


def test_what_cannot_be_used_is_reported_to_the_organisers_alone(s3: Any) -> None:
    upload(s3, {**FILES, "reads-2.csv": "bib,point,time\n77,finish,10:20:00\n1,finish,soon\n"})
    happen("reads-2.csv")
    report = s3.get_object(Bucket="race-reads", Key=handler.REPORT)["Body"].read().decode()
    assert report.splitlines() == ["reads-2.csv: row 3: not a time: 'soon'", "chip 77: no runner has it (1 reads)"]


def test_another_address_makes_other_codes(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(s3, FILES)
    happen("reads-1.csv")
    before = {key: body for key, body in site(s3).items() if key.endswith(".svg")}
    monkeypatch.setenv("SITE_URL", "https://results.example")
    happen("reads-1.csv")
    after = {key: body for key, body in site(s3).items() if key.endswith(".svg")}
    assert len(after) == 3
    assert not before.keys() & after.keys()


def test_one_invocation_writes_pages_and_the_others_leave_it_to_that(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(s3, FILES)
    place = handler.Place("race-reads", "race-site", URL, "one")
    handler.claim(place, handler.BUSY)
    assert happen("reads-1.csv")["race-reads"] == {"revision": 1, "written": 1, "left": True}
    assert "index.html" not in site(s3)
    monkeypatch.setattr(handler, "SILENCE", -60.0)
    assert happen("reads-1.csv")["race-reads"] == {"revision": 1, "written": 7, "left": False}


def test_an_event_that_comes_again_after_a_crash_goes_on(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(s3, FILES)

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(handler, "publish", crash)
        with pytest.raises(KeyboardInterrupt):
            happen("reads-1.csv", id_="mine")
    assert happen("runners.csv", id_="another")["race-reads"] == {"revision": 1, "written": 0, "left": True}
    assert happen("reads-1.csv", id_="mine")["race-reads"] == {"revision": 1, "written": 7, "left": False}


def test_a_call_that_nobody_repeats_keeps_nobody_away(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(s3, FILES)

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(handler, "publish", crash)
        with pytest.raises(KeyboardInterrupt):
            handler.handle({"bucket": "race-reads"}, None)
    assert happen("runners.csv")["race-reads"]["written"] == 7


def test_results_that_came_while_pages_were_written_are_published_by_the_same(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(s3, FILES)
    real = handler.claim
    told: list[Any] = []

    def claim(place: handler.Place, state: Any, **condition: str) -> bool:
        if state == 1 and not told:  # all pages are of the first results, and nobody knows yet
            upload(s3, {"corrections-1.csv": "bib,action,point,time\n1,dsq,,\n"})
            told.append(happen("corrections-1.csv"))
        return real(place, state, **condition)

    monkeypatch.setattr(handler, "claim", claim)
    assert happen("reads-1.csv")["race-reads"]["revision"] == 2
    assert told == [{"race-reads": {"revision": 2, "written": 1, "left": True}}]
    assert b"Disqualified" in site(s3)["bib/1.html"]


def test_whoever_asks_for_it_has_everything_made_anew(s3: Any) -> None:
    upload(s3, FILES)
    happen("reads-1.csv")
    before = site(s3)
    s3.delete_object(Bucket="race-site", Key="bib/1.html")
    assert happen("reads-1.csv")["race-reads"]["written"] == 0
    assert handler.handle({"bucket": "race-reads"}, None)["race-reads"]["written"] == 1
    assert site(s3) == before


def test_events_all_at_once(s3: Any) -> None:
    """As many invocations as files, each as soon as its own file is there; what is left is what all files say."""
    files, truth = generate(120, seed=9)
    failed: list[BaseException] = []

    def arrive(key: str) -> None:
        upload(s3, {key: files[key]})
        try:
            happen(key)
        except BaseException as error:  # a thread's error would be lost
            failed.append(error)

    threads = [threading.Thread(target=arrive, args=(key,)) for key in sorted(files, reverse=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    document = json.loads(site(s3)["results.json"])
    assert {each["bib"]: each["status"] for each in document["results"]} == {
        bib: told["status"] for bib, told in truth.items()
    }
    assert happen("waves.csv")["race-reads"]["written"] == 0


def test_an_older_invocation_that_writes_late_puts_it_right(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer one comes in the middle of an older one's pages; the older one's own next look finds what it spoiled."""
    upload(s3, FILES)
    happen("reads-1.csv")
    upload(s3, {"corrections-1.csv": "bib,action,point,time\n1,dsq,,\n"})
    real = handler.put
    later: list[int] = []

    def slow(bucket: str, key: str, body: bytes, kind: str, **guard: str) -> bool:
        if key == "bib/1.html" and not later:
            later.append(1)
            upload(s3, {"corrections-2.csv": "bib,action,point,time\n1,ok,,\n2,dsq,,\n"})
            s3.delete_object(Bucket="race-reads", Key=handler.CLAIM)  # as if it had been silent for long
            assert happen("corrections-2.csv")["race-reads"]["written"] > 1
            guard = {}  # as if it had looked in between: an overwrite that the condition does not stop
        return real(bucket, key, body, kind, **guard)

    monkeypatch.setattr(handler, "put", slow)
    happen("corrections-1.csv")
    assert later
    assert places(s3) == {"1": 1, "2": 0, "3": 0}
    assert b"Disqualified" in site(s3)["bib/2.html"]
    assert b"Disqualified" not in site(s3)["bib/1.html"]
