"""Queries of AWS's documentation: each is one here, too."""

from __future__ import annotations

import pytest

from fogbank.services.logs.insights_run import Plan
from services.logs.test_insights import run

QUERIES = [
    "fields @timestamp, @message | sort @timestamp desc | limit 25",
    "filter @message like /Exception/\n    | stats count(*) as exceptionCount by bin(1h)\n    | sort exceptionCount desc",
    "fields @message | filter @message not like /Exception/",
    'filter @type = "REPORT"\n    | fields @requestId, @billedDuration\n    | sort by @billedDuration desc',
    'filter @type = "REPORT" |\n    stats avg(@duration), max(@duration), min(@duration) by bin(5m)',
    'filter @message like "START RequestId: 0123" | fields @timestamp, @message, @logStream',
    "stats sum(packets) as packetsTransferred by srcAddr, dstAddr\n    | sort packetsTransferred  desc\n    | limit 15",
    'filter isIpv4InSubnet(srcAddr, "192.0.2.0/24")\n    | stats sum(bytes) as bytesTransferred by dstAddr',
    "filter protocol=17 | stats count(*) by srcAddr",
    'filter logStatus="SKIPDATA"\n    | stats count(*) by bin(1h) as t\n    | sort t',
    "stats count(*) by queryType, bin(1h)",
    "stats count(*) as numRequests by resolverIp\n    | sort numRequests desc\n    | limit 10",
    'filter responseCode="SERVFAIL" | stats count(*) by queryName',
    "stats count(*) by eventSource, eventName, awsRegion",
    'filter (eventName="StartInstances" or eventName="StopInstances") and awsRegion="us-east-2"',
    'filter eventName="CreateUser"\n    | fields awsRegion, requestParameters.userName, responseElements.user.arn',
    'filter eventName="UpdateTrail" and ispresent(errorCode)\n    | stats count(*) by errorCode, errorMessage',
    'filter tlsDetails.tlsVersion in [ "TLSv1", "TLSv1.1" ] | stats count(*) as n by userIdentity.accountId | sort n',
    "fields @timestamp, @message | filter (range>3000) | sort @timestamp desc | limit 20",
    "fields @timestamp, @message | filter (range>3000 and accountId=123456789012) | sort @timestamp desc | limit 20",
    "fields @timestamp, @message | filter statusCode in [300,400,500]",
    'fields @timestamp, @message | filter Type not in ["foo","bar",1]',
    "fields f1, f2, f3 | filter f1 like /(?i)Exception/",
    "fields f1, f2, f3 | filter f1 =~ /^(?i)Exception$/",
    "fields abs(myField) as AbsoluteValuemyField, myField2",
    "stats avg(f1) as myAvgF1 | sort myAvgF1 desc",
    "fields `foo-bar`, action, abs(f3-f4)",
    "fields ispresent(resolverArn) as isRes",
    "stats avg (f1) by f2",
    "fields f1 | filter statusCode like /2\\d\\d/",
    "fields @timestamp, server, severity, message | sort @timestamp asc | dedup server, severity",
    'filter (dstAddr like "10.0" and srcAddr like "10.1") | stats sum(bytes) as b by srcAddr, dstAddr | sort b desc',
    "parse @message '* * * *' as host, identity, dateTimeString, httpVerb | stats count(*) by httpVerb | limit 5",
    'parse @message "[*] *" as loggingType, loggingMessage | filter loggingType = "ERROR" | display loggingMessage',
    "stats count(*) by @logStream\n    | limit 100",
    "filter @message like /Task timed out/ | stats count() by bin(30m)",
    "fields greatest(f1, f2) as g, least(f1, f2, 3) as l, floor(f1) + ceil(f2), sqrt(f1), log(f2)",
    "stats count_distinct(server) as servers, pct(latency, 99.9), stddev(latency) by datefloor(@timestamp, 1h)",
    "stats earliest(@timestamp) as t0, latest(@timestamp) as t1, sortsFirst(a), sortsLast(a)",
    "fields toMillis(@timestamp) - toMillis(@ingestionTime) as late, fromMillis(1) as first",
    "fields jsonParse(@message) as json_message | filter json_message.status_code = 200",
    "fields jsonStringify(jsonParse(@message)) as text",
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_documented_query(query: str) -> None:
    assert Plan(query).names
    assert run(query, ["one", '{"f1": 1}']) is not None


def test_names_of_groups_with_and_without_their_at_sign() -> None:
    query = """parse @message /user=(?<user2>.*?), method:(?<method2>.*?), latency := (?<latency2>\\d+)/
        | stats avg(latency2) by @method2, @user2"""
    assert run(query, ["user=ann, method:GET, latency := 12"]) == [
        {"@method2": "GET", "@user2": "ann", "avg(latency2)": "12"}
    ]
