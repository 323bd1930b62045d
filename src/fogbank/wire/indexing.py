"""The index of AWS's services: what identifies each on the wire, so that no model is loaded before its service is known.

`python -m fogbank.wire.indexing` writes `wire/index.json` from the models and endpoint rules that botocore ships.
"""

from __future__ import annotations

import gzip
import os
import re
from functools import lru_cache
from pathlib import Path

import msgspec

from fogbank.wire.model import data_directory, read_model

INDEX = Path(__file__).parent / "index.json"


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, rename={"json_version": "json", "namespace": "xml"}):
    """What the wire says of one service; names as in the metadata of botocore's models.

    `service_id` is the SDKs' name ("Elastic Load Balancing v2"); `signing` is the service in credential scopes, `scopes` the others
    that the endpoint rules know (S3's `s3express`); `prefix` is the host name's first part; `target` precedes the dot in
    X-Amz-Target; `query` says that a JSON service still answers the query protocol that it had before (awsQueryCompatible).
    """

    protocols: tuple[str, ...]
    version: str
    prefix: str
    service_id: str
    signing: str
    target: str = ""
    json_version: str = ""
    namespace: str = ""
    query: bool = False
    scopes: tuple[str, ...] = ()


def entry(service: str) -> Entry:
    """The index's entry of one service directory of botocore's."""
    metadata = read_model(service)["metadata"]
    signing = metadata.get("signingName", metadata["endpointPrefix"])
    return Entry(
        protocols=tuple(metadata.get("protocols") or [metadata["protocol"]]),
        version=metadata["apiVersion"],
        prefix=metadata["endpointPrefix"],
        service_id=metadata["serviceId"],
        signing=signing,
        target=metadata.get("targetPrefix", ""),
        json_version=str(metadata.get("jsonVersion", "")),
        namespace=namespace(metadata.get("xmlNamespace", "")),
        query="awsQueryCompatible" in metadata,
        scopes=tuple(sorted(scopes_of_endpoints(service) - {signing})),
    )


def namespace(declared: str | dict[str, str]) -> str:
    """An XML namespace, which models give as text or as an object."""
    return declared if isinstance(declared, str) else declared["uri"]


def scopes_of_endpoints(service: str) -> set[str]:
    """The signing names in a service's endpoint rules."""
    newest = max(path for path in (data_directory() / service).iterdir() if path.is_dir())
    rules = newest / "endpoint-rule-set-1.json.gz"
    if not rules.exists():
        return set()
    text = gzip.decompress(rules.read_bytes()).decode()
    return set(re.findall(r'"signingName":\s*"([^"{}]+)"', text))


def service_names() -> list[str]:
    """The directory names of all the services that botocore has models of, sorted."""
    return sorted({path.parent.parent.name for path in data_directory().glob("*/*/service-2.json.gz")})


def build() -> bytes:
    """The index as compact JSON, one service a line so that changes can be reviewed."""
    entries = {name: entry(name) for name in service_names()}
    lines = [msgspec.json.encode({name: found}).decode()[1:-1] for name, found in entries.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


@lru_cache(maxsize=1)
def load_index() -> dict[str, Entry]:
    """The entry of each service, by the name of its directory in botocore; those of which this botocore has the models."""
    index = msgspec.json.decode(INDEX.read_bytes(), type=dict[str, Entry])
    installed = set(os.listdir(data_directory()))
    return {name: found for name, found in index.items() if name in installed}


if __name__ == "__main__":
    INDEX.write_bytes(build())
