"""Every operation of every service, in every protocol that it speaks, is identified from its signed request."""

from __future__ import annotations

import pytest
from tests.wire.samples import operations, request_of, sample_input

from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest
from fogbank.wire.identify import identify
from fogbank.wire.indexing import load_index

# Services whose requests another of the same signing name answers, and how many operations: the same paths, told apart by host alone.
SAME_PATHS = {
    ("bedrock-agent-runtime", "bedrock-agent"): 3,
    ("bedrock-data-automation", "bedrock"): 3,
    ("chime-sdk-identity", "chime-sdk-voice"): 3,
    ("chime-sdk-media-pipelines", "chime-sdk-voice"): 3,
    ("chime-sdk-meetings", "chime-sdk-voice"): 3,
    ("chime-sdk-messaging", "chime-sdk-voice"): 3,
    ("chime-sdk-voice", "chime"): 16,
    ("ivs-realtime", "ivs"): 3,
    ("lexv2-models", "lex-models"): 4,
    ("signer-data", "signer"): 1,
    ("timestream-write", "timestream-query"): 4,
}
# Nor does the host tell these apart: one is the other's successor or sibling on the same endpoint.
SAME_HOST = {
    ("docdb", "rds"): 56,
    ("greengrassv2", "greengrass"): 8,
    ("lambda-microvms", "lambda"): 3,
    ("neptune", "rds"): 70,
    ("pinpoint-sms-voice", "sms-voice"): 8,
    ("qconnect", "wisdom"): 41,
    ("s3", "s3"): 5,  # the deprecated ones, and ListDirectoryBuckets, which is signed for s3express
}
# CreateBucket on an Outpost has neither the account nor a signature for s3; those for s3-outposts are told by it.
ONLY_BY_HOST = {("s3control", "s3"): 1}


@pytest.mark.parametrize("hosted", [False, True])
def test_every_operation_is_identified(hosted: bool) -> None:
    count = 0
    wrong: dict[tuple[str, str], int] = {}
    for service, entry in load_index().items():
        for operation in operations(service):
            for protocol in entry.protocols:
                request, _ = request_of(operation, sample_input(operation), protocol)
                headers = dict(request.headers)
                if protocol == "smithy-rpc-v2-cbor":
                    headers["smithy-protocol"] = "rpc-v2-cbor"
                if hosted:
                    headers["host"] = f"{entry.prefix}.us-east-1.amazonaws.com"
                found = meaning(
                    HttpRequest(request.method, request.path, request.query, headers, request.body), entry.signing
                )
                count += 1
                if found != (service, operation.name, protocol):
                    wrong[service, found[0]] = wrong.get((service, found[0]), 0) + 1
    assert wrong == (SAME_HOST if hosted else SAME_HOST | SAME_PATHS | ONLY_BY_HOST)
    assert count > 20_000


def meaning(request: HttpRequest, scope: str) -> tuple[str, str, str]:
    try:
        found = identify(request, scope)
    except AwsError as error:
        return error.code, "", ""
    return found.service, found.operation, found.protocol
