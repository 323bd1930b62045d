"""aws-chunked bodies: AWS's published examples, and every way to tamper with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigv4_client import NOW, SECRET, ChunkSigner, Sent, unsigned_body

from fogbank.auth import ChunkDecoder, PayloadMode, Verified, chunk_decoder, claim, verify
from fogbank.auth.chunked import MAX_LINE
from fogbank.auth.claimed import parse_time
from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

quick = settings(max_examples=60, deadline=None, derandomize=True)
SIGNED, SIGNED_TRAILER = PayloadMode.SIGNED_CHUNKS, PayloadMode.SIGNED_CHUNKS_TRAILER
UNSIGNED_TRAILER = PayloadMode.UNSIGNED_TRAILER
CRC = "x-amz-checksum-crc32c:sOO8/Q=="
BIG, SMALL = b"a" * 65_536, b"a" * 1024


def decode(decoder: ChunkDecoder, parts: Iterable[bytes]) -> bytes:
    data = b"".join(bytes(piece) for part in parts for piece in decoder.feed(part))
    decoder.finish()
    return data


def seed(mode: PayloadMode, length: int = 0, key: str = "k") -> Verified:
    """A verified request that announces a body of one mode."""
    headers = {"x-amz-content-sha256": mode.value, "x-amz-decoded-content-length": str(length)}
    request = Sent(method="PUT", url=f"https://s3.amazonaws.com/b/{key}", headers=headers).sign()
    found = claim(request)
    assert found is not None
    return verify(found, request, SECRET, NOW)


def signed(mode: PayloadMode, *chunks: bytes) -> tuple[bytes, Callable[[], ChunkDecoder]]:
    """A body and what makes its decoder."""
    length = sum(map(len, chunks))
    trailers = [CRC] if mode is SIGNED_TRAILER else None
    names = ["x-amz-checksum-crc32c"] if trailers else []
    if mode is UNSIGNED_TRAILER:
        body = unsigned_body(*chunks, trailers=[CRC])
        return body, lambda: ChunkDecoder(mode, length, ["x-amz-checksum-crc32c"])
    done = seed(mode, length)
    body = ChunkSigner(done.signature, done.timestamp, done.scope).body(*chunks, trailers=trailers)
    return body, lambda: ChunkDecoder(mode, length, names, done)


# --- AWS's examples


def published(trailer: bool) -> tuple[HttpRequest, bytes]:
    """The examples of "Transferring Payload in Multiple Chunks" and "Signature calculations for trailing headers"."""
    names = "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class"
    headers = {
        "host": "s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-content-sha256": SIGNED_TRAILER.value if trailer else SIGNED.value,
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
        "content-length": "66824",
    }
    if trailer:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32c"
        names += ";x-amz-trailer"
        first = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
        one = b"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"
        two = b"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"
        last = b"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"
    else:
        names = names.replace("content-encoding;", "content-encoding;content-length;")
        first = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
        one = b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
        two = b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
        last = b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
    scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={first}"
    body = (
        b"10000;chunk-signature=%s\r\n%s\r\n400;chunk-signature=%s\r\n%s\r\n0;chunk-signature=%s\r\n"
        % (one, BIG, two, SMALL, last)
    )  # fmt: skip
    if trailer:
        signature = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
        body += f"{CRC}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
    return HttpRequest("PUT", "/examplebucket/chunkObject.txt", "", headers), body + b"\r\n"


@pytest.mark.parametrize("trailer", [False, True], ids=["chunks", "trailer"])
def test_the_published_examples(trailer: bool) -> None:
    request, body = published(trailer)
    found = claim(request)
    now = parse_time("20130524T000000Z")
    assert found is not None
    assert now is not None
    done = verify(found, request, SECRET, now)
    decoder = chunk_decoder(done.payload, request.headers, done)
    assert decode(decoder, [body]) == BIG + SMALL
    assert decoder.trailers == ({"x-amz-checksum-crc32c": "sOO8/Q=="} if trailer else {})


# --- valid bodies, however they arrive


@pytest.mark.parametrize("mode", [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER])
@pytest.mark.parametrize("chunks", [(), (b"x",), (BIG,), (BIG, SMALL), (BIG, b"a" * 8192, b"z")], ids=len)
def test_a_body_in_any_split(mode: PayloadMode, chunks: tuple[bytes, ...]) -> None:
    body, decoder = signed(mode, *chunks)
    whole = b"".join(chunks)
    for size in (1, 7, 4096, 65_536, len(body)):
        if size == 1 and len(body) > 2000:
            continue
        found = decoder()
        assert decode(found, [body[at : at + size] for at in range(0, len(body), size)]) == whole
        assert found.received == len(whole)


@quick
@given(st.data(), st.sampled_from([SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER]))
def test_random_splits(data: st.DataObject, mode: PayloadMode) -> None:
    body, decoder = signed(mode, b"q" * 8192, b"some more")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    parts = [body[low:high] for low, high in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert decode(decoder(), parts) == b"q" * 8192 + b"some more"


def test_data_is_not_copied() -> None:
    body, decoder = signed(UNSIGNED_TRAILER, BIG)
    assert [piece.obj is body for piece in decoder().feed(body)] == [True]


def test_several_trailers_are_signed_in_order_of_name() -> None:
    done = seed(SIGNED_TRAILER, 1)
    lines = ["x-amz-checksum-crc32:AAAAAA==", "x-amz-checksum-sha1:BBBBBB=="]
    body = ChunkSigner(done.signature, done.timestamp, done.scope).body(b"x", trailers=lines)
    names = ["x-amz-checksum-sha1", "x-amz-checksum-crc32"]
    decoder = ChunkDecoder(SIGNED_TRAILER, 1, names, done)
    decode(decoder, [body])
    assert decoder.trailers == {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha1": "BBBBBB=="}


# --- tampering


def _swap(body: bytes) -> bytes:
    """The first two chunks change places, with their signatures."""
    first = body.index(b"\r\n") + 2 + 8192 + 2
    second = body.index(b"\r\n", first) + 2 + 8192 + 2
    return body[first:second] + body[:first] + body[second:]


def _replace(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def forge(body: bytes) -> bytes:
        assert old in body
        return body.replace(old, new, 1)

    return forge


def _signature(of: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def forge(body: bytes) -> bytes:
        at = body.index(b"chunk-signature=") + 16
        return body[:at] + of(body[at : at + 64]) + body[at + 64 :]

    return forge


BAD, CUT, TRAIL = "SignatureDoesNotMatch", "IncompleteBody", "MalformedTrailerError"
FORGED: dict[str, tuple[PayloadMode, Callable[[bytes], bytes], str]] = {
    "chunks swapped": (SIGNED, _swap, BAD),
    "a byte of data changed": (SIGNED, _replace(b"aaaa", b"aaab"), BAD),
    "last chunk left out": (SIGNED, lambda body: body[: body.rindex(b"0;chunk")], CUT),
    "ends within data": (SIGNED, lambda body: body[:9000], CUT),
    "ends within a size line": (SIGNED, lambda body: body[:20], CUT),
    "last line end left out": (SIGNED, lambda body: body[:-2], CUT),
    "nothing": (SIGNED, lambda _: b"", CUT),
    "bytes after the end": (SIGNED, lambda body: body + b"x\r\n", CUT),
    "a second body after the end": (SIGNED, lambda body: body + body, CUT),
    "signature of zeros": (SIGNED, _signature(lambda _: b"0" * 64), BAD),
    "signature in capitals": (SIGNED, _signature(bytes.upper), BAD),
    "signature too short": (SIGNED, _signature(lambda found: found[:63]), BAD),
    "signature too long": (SIGNED, _signature(lambda found: found + b"0"), BAD),
    "signature empty": (SIGNED, _signature(lambda _: b""), BAD),
    "signature left out": (SIGNED, lambda body: b"2000\r\n" + body[body.index(b"\r\n") + 2 :], BAD),
    "size too small": (SIGNED, _replace(b"2000;", b"1fff;"), BAD),
    "size too large": (SIGNED, _replace(b"2000;", b"2001;"), BAD),
    "size beyond the announced length": (SIGNED, _replace(b"2000;", b"ffffffff;"), CUT),
    "size negative": (SIGNED, _replace(b"2000;", b"-2000;"), BAD),
    "size in Python's hexadecimal": (UNSIGNED_TRAILER, _replace(b"2000\r\n", b"0x2000\r\n"), CUT),
    "size with an underscore": (UNSIGNED_TRAILER, _replace(b"2000\r\n", b"20_00\r\n"), CUT),
    "size empty": (UNSIGNED_TRAILER, _replace(b"2000\r\n", b"\r\n"), CUT),
    "size of twenty digits": (UNSIGNED_TRAILER, _replace(b"2000\r\n", b"0" * 20 + b"\r\n"), CUT),
    "size line without its end": (UNSIGNED_TRAILER, lambda _: b"0" * 5000, CUT),
    "size line ends with a bare newline": (UNSIGNED_TRAILER, _replace(b"2000\r\n", b"2000\n"), CUT),
    "no line end after data": (UNSIGNED_TRAILER, _replace(b"a\r\n", b"aXX"), CUT),
    "signature where none belongs": (UNSIGNED_TRAILER, _replace(b"2000", b"2000;chunk-signature=" + b"0" * 64), CUT),
    "trailer left out": (UNSIGNED_TRAILER, _replace(f"{CRC}\r\n".encode(), b""), TRAIL),
    "trailer twice": (UNSIGNED_TRAILER, _replace(CRC.encode(), f"{CRC}\r\n{CRC}".encode()), TRAIL),
    "trailer of another name": (UNSIGNED_TRAILER, _replace(b"crc32c:", b"crc32:"), TRAIL),
    "trailer that was not declared": (UNSIGNED_TRAILER, _replace(CRC.encode(), f"{CRC}\r\nx-amz-acl:x".encode()), TRAIL),
    "trailer without a colon": (UNSIGNED_TRAILER, _replace(b"crc32c:", b"crc32c"), TRAIL),
    "trailer without a value": (UNSIGNED_TRAILER, _replace(b"sOO8/Q==", b""), TRAIL),
    "trailer with a control character": (UNSIGNED_TRAILER, _replace(b"sOO8", b"s\x00O8"), TRAIL),
    "trailer too long": (UNSIGNED_TRAILER, _replace(b"sOO8", b"s" * MAX_LINE), TRAIL),
    "trailer signed where none is": (
        UNSIGNED_TRAILER, _replace(CRC.encode(), f"{CRC}\r\nx-amz-trailer-signature:{'0' * 64}".encode()), TRAIL
    ),
    "trailer changed": (SIGNED_TRAILER, _replace(b"sOO8", b"AAAA"), BAD),
    "trailer signature changed": (SIGNED_TRAILER, _replace(b"trailer-signature:", b"trailer-signature:0"), BAD),
    "trailer signature left out": (SIGNED_TRAILER, lambda body: body[: body.index(b"x-amz-trailer-s")] + b"\r\n", BAD),
    "trailer after its signature": (SIGNED_TRAILER, lambda body: body[:-2] + b"x-amz-checksum-crc32c:x\r\n\r\n", TRAIL),
    "trailer cut off": (SIGNED_TRAILER, lambda body: body[: body.index(CRC.encode())], CUT),
    "trailer in a body that has none": (SIGNED, lambda body: body[:-2] + f"{CRC}\r\n\r\n".encode(), TRAIL),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize("size", [1 << 20, 1000])
def test_a_forged_body_is_refused(name: str, size: int) -> None:
    mode, forge, code = FORGED[name]
    body, decoder = signed(mode, b"a" * 8192, b"b" * 8192)
    forged = forge(body)
    with pytest.raises(AwsError) as caught:
        decode(decoder(), [forged[at : at + size] for at in range(0, len(forged), size)])
    assert caught.value.code == code


def test_chunks_of_another_request_are_refused() -> None:
    body, _ = signed(SIGNED, BIG)
    other = seed(SIGNED, len(BIG), key="other")
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        decode(ChunkDecoder(SIGNED, len(BIG), (), other), [body])


def test_signed_and_unsigned_do_not_pass_for_each_other() -> None:
    body = unsigned_body(BIG, trailers=[])
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        decode(ChunkDecoder(SIGNED, len(BIG), (), seed(SIGNED)), [body])
    with pytest.raises(AwsError, match="AccessDenied"):
        ChunkDecoder(SIGNED, len(BIG))


def test_the_length_has_to_be_the_announced_one() -> None:
    body = unsigned_body(BIG, trailers=[])
    for length in (len(BIG) - 1, len(BIG) + 1, 0):
        with pytest.raises(AwsError, match="IncompleteBody"):
            decode(ChunkDecoder(UNSIGNED_TRAILER, length), [body])


def test_only_the_last_chunk_may_be_small() -> None:
    body, decoder = signed(SIGNED, SMALL, BIG)
    with pytest.raises(AwsError) as caught:
        decode(decoder(), [body])
    assert caught.value.code == "InvalidChunkSizeError"
    assert caught.value.fields == {"Chunk": 1, "BadChunkSize": 1024}


def test_a_decoder_that_failed_stays_failed() -> None:
    body, decoder = signed(SIGNED, b"a" * 8192)
    found = decoder()
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        found.feed(body.replace(b"aa", b"bb", 1))
    for again in (lambda: found.feed(body), found.finish):
        with pytest.raises(AwsError, match="IncompleteBody"):
            again()


def test_good_bytes_after_an_error_do_not_heal_it() -> None:
    found = ChunkDecoder(UNSIGNED_TRAILER, 1)
    with pytest.raises(AwsError, match="IncompleteBody"):
        found.feed(b"zz\r\n")
    with pytest.raises(AwsError, match="IncompleteBody"):
        decode(found, [unsigned_body(b"x", trailers=[])])


def test_a_chunk_that_is_too_long_is_refused_before_it_comes() -> None:
    with pytest.raises(AwsError, match="IncompleteBody"):
        ChunkDecoder(UNSIGNED_TRAILER, 100).feed(b"65\r\n")


def test_nothing_may_follow_the_trailer_signature() -> None:
    body, decoder = signed(SIGNED_TRAILER, b"x")
    head, _, rest = body.partition(f"{CRC}\r\n".encode())
    with pytest.raises(AwsError, match="MalformedTrailerError"):
        decode(decoder(), [head, rest[:-2], f"{CRC}\r\n\r\n".encode()])


def test_what_the_head_announces() -> None:
    length = {"x-amz-decoded-content-length": "5"}
    cases = {
        "MissingContentLength": (UNSIGNED_TRAILER, {}),
        "InvalidArgument": (UNSIGNED_TRAILER, {"x-amz-decoded-content-length": "-5"}),
        "InvalidRequest": (UNSIGNED_TRAILER, {**length, "x-amz-trailer": "authorization"}),
    }
    for code, (mode, headers) in cases.items():
        with pytest.raises(AwsError) as caught:
            chunk_decoder(mode, headers)
        assert caught.value.code == code
    many = ",".join(f"x-amz-checksum-{number}" for number in range(9))
    for mode, trailer in ((SIGNED, "x-amz-checksum-crc32"), (UNSIGNED_TRAILER, many)):
        with pytest.raises(AwsError, match="InvalidRequest"):
            chunk_decoder(mode, {**length, "x-amz-trailer": trailer}, seed(SIGNED))
    decoder = chunk_decoder(UNSIGNED_TRAILER, {**length, "x-amz-trailer": " X-Amz-Checksum-CRC32C , "})
    assert decode(decoder, [unsigned_body(b"12345", trailers=[CRC])]) == b"12345"


@quick
@given(st.binary(max_size=300), st.sampled_from([SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER]))
def test_random_bytes_raise_only_aws_errors(noise: bytes, mode: PayloadMode) -> None:
    done = seed(mode)
    with pytest.raises(AwsError):
        decode(ChunkDecoder(mode, 100, ["x-amz-checksum-crc32c"], done), [noise[:50], noise[50:]])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from([SIGNED, SIGNED_TRAILER]))
def test_no_mutation_of_a_signed_body_passes_as_other_data(data: st.DataObject, mode: PayloadMode) -> None:
    body, decoder = signed(mode, b"q" * 8192, b"tail")
    at = data.draw(st.integers(0, 100) | st.integers(len(body) - 300, len(body)))
    forged = body[:at] + data.draw(st.binary(max_size=5)) + body[at + data.draw(st.integers(0, 5)) :]
    try:
        result = decode(decoder(), [forged])
    except AwsError:
        return
    assert result == b"q" * 8192 + b"tail"
