"""Service last accessed details: which services users and roles may use, and when they did.

A report tells what is known when it is read: later uses are in it. Source: IAM User Guide, "Refine permissions in AWS using last
accessed information".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from fogbank.core.errors import AwsError
from fogbank.core.identity.permissions import document_of
from fogbank.core.identity.records import attached_to, key_of, members, when
from fogbank.core.identity.used import actions_used, services_of
from fogbank.services.iam.account_records import AccessJob, access_jobs
from fogbank.services.iam.listing import paged
from fogbank.services.iam.policy_sources import Entity, entity, entity_of, grants, sources
from fogbank.services.iam.service import iam
from fogbank.wire.indexing import load_index

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from types_boto3_iam.type_defs import (
        GenerateServiceLastAccessedDetailsRequestTypeDef,
        GetServiceLastAccessedDetailsRequestTypeDef,
        GetServiceLastAccessedDetailsWithEntitiesRequestTypeDef,
        ListPoliciesGrantingServiceAccessRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.identity.used import Used

KEPT: Final = 86_400  # seconds that a job's id is known
_POLICY: Final = re.compile(r"arn:aws:iam::(\d{12}|aws):policy/[!-~]+", re.ASCII)


@iam.operation("bulk", "entity", takes="Arn Granularity")
def generate_service_last_accessed_details(
    call: Call, req: GenerateServiceLastAccessedDetailsRequestTypeDef
) -> dict[str, Any]:
    """Begin a report of a user, group, role or policy; it is complete at once."""
    now = int(call.now.timestamp())
    for parts, old in list(access_jobs.scan(call.tx, call.account)):
        if old.created + KEPT < now:
            access_jobs.delete(call.tx, *parts)
    arn = req["Arn"]
    covered(call, arn)
    job = str(UUID(hex=call.ids.request_id() + call.ids.request_id(), version=4))
    actions = req.get("Granularity") == "ACTION_LEVEL"
    access_jobs.put(call.tx, AccessJob(arn=arn, actions=actions, created=now), call.account, job)
    return {"JobId": job}


@iam.operation("scan", "*", takes="JobId MaxItems Marker")
def get_service_last_accessed_details(call: Call, req: GetServiceLastAccessedDetailsRequestTypeDef) -> dict[str, Any]:
    """The services that may be used, each with its last use."""
    job = open_job(call, req["JobId"])
    entities, documents = covered(call, job.arn)
    arns = [each.arn(call.account) for each in entities]
    uses: dict[str, list[tuple[str, Used]]] = {}
    for arn in arns:
        for service, record in services_of(call.tx, call.account, arn):
            uses.setdefault(service, []).append((arn, record))
    names = sorted(
        name for name in {*services(), *uses} if name in uses or any(grants(each, name) for each in documents)
    )
    page, more = paged(req, ((name, name) for name in names))
    return {
        "JobStatus": "COMPLETED",
        "JobType": "ACTION_LEVEL" if job.actions else "SERVICE_LEVEL",
        "JobCreationDate": when(job.created),
        "JobCompletionDate": when(job.created),
        "ServicesLastAccessed": [line(call, job, name, uses.get(name, [])) for name in page],
        **more,
    }


@iam.operation("scan", "*", takes="JobId ServiceNamespace MaxItems Marker")
def get_service_last_accessed_details_with_entities(
    call: Call, req: GetServiceLastAccessedDetailsWithEntitiesRequestTypeDef
) -> dict[str, Any]:
    """The users and roles of a report, each with its last use of a service."""
    job = open_job(call, req["JobId"])
    entities, _ = covered(call, job.arn)
    found, more = paged(req, sorted(((each.arn(call.account), each) for each in entities), key=lambda each: each[0]))
    return {
        "JobStatus": "COMPLETED",
        "JobCreationDate": when(job.created),
        "JobCompletionDate": when(job.created),
        "EntityDetailsList": [details(call, each, req["ServiceNamespace"]) for each in found],
        **more,
    }


@iam.operation("scan", "entity", takes="Marker Arn ServiceNamespaces")
def list_policies_granting_service_access(
    call: Call, req: ListPoliciesGrantingServiceAccessRequestTypeDef
) -> dict[str, Any]:
    """The policies that let a user, group or role use services."""
    found = list(sources(call.tx, call.account, entity_of(call, req["Arn"])))
    names = sorted(set(req["ServiceNamespaces"]))
    page, more = paged(req, ((name, name) for name in names))
    entries = []
    for name in page:
        granting = [source for source in found if grants(source.document, name)]
        managed = {
            source.arn: {"PolicyName": source.name, "PolicyType": "MANAGED", "PolicyArn": source.arn}
            for source in granting
            if source.arn
        }
        inline = [
            {
                "PolicyName": source.name,
                "PolicyType": "INLINE",
                "EntityType": source.owner.upper(),
                "EntityName": source.owner_name,
            }
            for source in granting
            if not source.arn
        ]
        entries.append({"ServiceNamespace": name, "Policies": [*inline, *managed.values()]})
    return {"PoliciesGrantingServiceAccess": entries, **more}


def line(call: Call, job: AccessJob, name: str, uses: list[tuple[str, Used]]) -> dict[str, Any]:
    """One service of a report."""
    told: dict[str, Any] = {
        "ServiceName": services().get(name, name),
        "ServiceNamespace": name,
        "TotalAuthenticatedEntities": len(uses),
    }
    if uses:
        arn, last = max(uses, key=lambda each: each[1].at)
        told["LastAuthenticated"] = when(last.at)
        told["LastAuthenticatedEntity"] = arn
        told["LastAuthenticatedRegion"] = last.region
    if job.actions:
        told["TrackedActionsLastAccessed"] = list(tracked(call, name, [arn for arn, _ in uses]))
    return told


def tracked(call: Call, service: str, arns: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The actions of a service that were used, by name."""
    last: dict[str, tuple[int, str, str]] = {}
    for arn in arns:
        for parts, record in actions_used.scan(call.tx, call.account, arn, service):
            action = str(parts[3])
            last[action] = max(last.get(action, (0, "", "")), (record.at, arn, record.region))
    for action, (at, arn, region) in sorted(last.items()):
        yield {
            "ActionName": action,
            "LastAccessedEntity": arn,
            "LastAccessedTime": when(at),
            "LastAccessedRegion": region,
        }


def details(call: Call, found: Entity, service: str) -> dict[str, Any]:
    """A user or role of a report."""
    record, arn = found.record, found.arn(call.account)
    info = {"Arn": arn, "Name": record.name, "Type": found.owner.upper(), "Id": record.id, "Path": record.path}
    last = dict(services_of(call.tx, call.account, arn)).get(service)
    return {"EntityInfo": info, **({"LastAuthenticated": when(last.at)} if last else {})}


def covered(call: Call, arn: str) -> tuple[list[Entity], list[str]]:
    """The users and roles that a report of an ARN is about, and the policies that say what they may use."""
    if _POLICY.fullmatch(arn):
        document = document_of(call.tx, arn)
        if document is None or arn.split(":")[4] not in ("aws", call.account):
            raise AwsError("NoSuchEntity", f"Policy {arn[:256]} does not exist or is not attachable.")
        return list(attached_entities(call, arn)), [document]
    found = entity_of(call, arn)
    entities = list(in_group(call, found.record.name)) if found.owner == "group" else [found]
    return entities, [source.document for source in sources(call.tx, call.account, found)]


def attached_entities(call: Call, arn: str) -> Iterator[Entity]:
    """The users and roles that a policy is attached to, each once; members of its groups among them."""
    seen: set[str] = set()
    for _, one in attached_to.scan(call.tx, arn, call.account):
        found = entity(call.tx, call.account, one.owner, one.owner_name)
        for each in in_group(call, one.owner_name) if one.owner == "group" else [found]:
            if each is not None and each.arn(call.account) not in seen:
                seen.add(each.arn(call.account))
                yield each


def in_group(call: Call, name: str) -> Iterator[Entity]:
    """The users of a group."""
    for _, member in members.scan(call.tx, call.account, key_of(name)):
        found = entity(call.tx, call.account, "user", member.user)
        if found is not None:
            yield found


def open_job(call: Call, job: str) -> AccessJob:
    """The report of a job's id."""
    found = access_jobs.get(call.tx, call.account, job)
    if found is None or found.created + KEPT < call.now.timestamp():
        raise AwsError("NoSuchEntity", f"The job with id {job} cannot be found.")
    return found


@lru_cache(maxsize=1)
def services() -> Mapping[str, str]:
    """AWS's services: their prefixes in policies, and their names."""
    found: dict[str, str] = {}
    for name, entry in load_index().items():
        if name == entry.signing or entry.signing not in found:  # several services share a prefix: s3 and s3control
            found[entry.signing] = entry.service_id
    return found
