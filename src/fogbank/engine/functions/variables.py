"""The environment variables of a function, as "Using Lambda environment variables" in AWS Lambda's developer guide defines them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fogbank.engine.functions.spec import FunctionSpec, Granted, Network

RUNTIME_API = "127.0.0.1:9001"
REGION = "127.0.0.1:4566"
PROXY = "http://127.0.0.1:3128"
# What extensions, being processes of their own, do not see.
RUNTIMES_OWN = (
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_LEVEL",
    "AWS_XRAY_CONTEXT_MISSING",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
    "_LAMBDA_TELEMETRY_LOG_FD",
)


def variables(spec: FunctionSpec, granted: Granted, network: Network, stream: str, how: str) -> dict[str, str]:
    """All of them: functions may set their own over the defaults, not over what the platform says."""
    return defaults(spec, network) | spec.environment | reserved(spec, stream, how) | granted.variables


def defaults(spec: FunctionSpec, network: Network) -> dict[str, str]:
    """Variables that a function's own replace."""
    found = {
        "LANG": "en_US.UTF-8" if not spec.runtime.startswith("provided") else "C.UTF-8",
        "TZ": ":UTC",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        "AWS_ENDPOINT_URL": f"http://{REGION}",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    }
    if spec.runtime.startswith("python"):
        found["PYTHONPATH"] = "/var/runtime"
    elif spec.runtime.startswith("nodejs"):
        major = spec.runtime.removeprefix("nodejs").removesuffix(".x")
        found["NODE_PATH"] = (
            f"/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
        )
    return found | (proxies() if network.outside else {})


def proxies() -> dict[str, str]:
    """The way outside, under the names that clients look for."""
    found = {"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY, "NO_PROXY": "127.0.0.1,localhost"}
    return found | {name.lower(): value for name, value in found.items()}


def reserved(spec: FunctionSpec, stream: str, how: str) -> dict[str, str]:
    """Variables that are the platform's."""
    found = {
        "_HANDLER": spec.handler,
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": how,
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group or f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_RUNTIME_API": RUNTIME_API,
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
    }
    if not spec.runtime.startswith("provided"):
        found["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{spec.runtime}"
        found["_LAMBDA_TELEMETRY_LOG_FD"] = "1"
    if spec.log_format == "JSON":
        found |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": spec.application_log_level}
    return found


def for_extensions(all_of_them: dict[str, str]) -> dict[str, str]:
    """What extensions see."""
    return {name: value for name, value in all_of_them.items() if name not in RUNTIMES_OWN}
