// Runs functions of Node.js: the Runtime API's client, with the behaviour that AWS documents for its own.
//
// Handlers are CommonJS or ES modules, asynchronous, with a callback, or streaming. Console output is framed
// (type, length, microseconds, message), so that a message of several lines is one event of the log.

import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { patchConsole, logError, setRequestId } from "./console.mjs";
import { errorDocument, PlatformError } from "./errors.mjs";
import { nextInvocation, postResponse, postError, postInitError } from "./client.mjs";
import { HANDLER_STREAMING, runStreaming, installGlobals } from "./streaming.mjs";

const task = process.env.LAMBDA_TASK_ROOT || "/var/task";
const require = createRequire(path.join(task, "index.js"));
let current = null; // the invocation that runs

async function loadHandler(name) {
  const [directory, base] = [path.dirname(name), path.basename(name)];
  const dot = base.indexOf(".");
  if (dot < 1 || base.includes("..") || name.includes("..")) {
    throw new PlatformError("Runtime.MalformedHandlerName", "Bad handler");
  }
  const file = path.join(directory, base.slice(0, dot));
  let found = await loadModule(file);
  const names = base.slice(dot + 1).split(".");
  if (found[names[0]] === undefined && found.default) found = found.default;
  const handler = names.reduce((value, key) => (value == null ? value : value[key]), found);
  if (handler === undefined || handler === null) {
    throw new PlatformError("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  }
  if (typeof handler !== "function") {
    throw new PlatformError("Runtime.HandlerNotFound", `${name} is not a function`);
  }
  return handler;
}

async function loadModule(file) {
  const whole = path.resolve(task, file);
  const found = ["", ".js", ".mjs", ".cjs"].map((end) => whole + end).find(isFile);
  try {
    if (!found) return require(require.resolve(file, { paths: [task, ...nodePaths()] }));
    return isModule(found) ? await import(pathToFileURL(found).href) : require(found);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new PlatformError("Runtime.UserCodeSyntaxError", `SyntaxError: ${error.message}`, error.stack);
    }
    if (["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(error?.code)) {
      throw new PlatformError("Runtime.ImportModuleError", `Error: ${error.message}`, error.stack);
    }
    throw error;
  }
}

function isFile(name) {
  return fs.statSync(name, { throwIfNoEntry: false })?.isFile() ?? false;
}

function nodePaths() {
  return (process.env.NODE_PATH || "").split(":").filter(Boolean);
}

// A .js file is what the nearest package.json of the code says.
function isModule(file) {
  if (!file.endsWith(".js")) return file.endsWith(".mjs");
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    const manifest = path.join(at, "package.json");
    if (isFile(manifest)) return JSON.parse(fs.readFileSync(manifest, "utf8")).type === "module";
    if (at === path.dirname(at)) return false;
  }
}

class Invocation {
  constructor(headers, body) {
    this.id = headers["lambda-runtime-aws-request-id"];
    this.headers = headers;
    this.body = body;
    this.waits = true; // for an empty event loop, once the callback has been called
    this.settled = false;
    this.done = new Promise((resolve) => { this.finished = resolve; });
  }

  // The result is there; with `later` it is sent when nothing is left to run.
  settle(error, value, later) {
    if (this.settled || this.result) return;
    this.result = { error, value };
    if (!later) this.send();
  }

  async send() {
    if (this.settled) return;
    this.settled = true;
    const { error, value } = this.result;
    if (error !== null && error !== undefined) {
      logError("Invoke Error ", error);
      await postError(this.id, errorDocument(error));
    } else {
      await this.sendValue(value);
    }
    this.finished();
  }

  async sendValue(value) {
    let text;
    try {
      text = JSON.stringify(value === undefined ? null : value);
    } catch (error) {
      await postError(this.id, errorDocument(new PlatformError("Runtime.MarshalError", `Unable to stringify response body: ${error.message}`)));
      return;
    }
    await postResponse(this.id, text === undefined ? "null" : text);
  }

  context() {
    const deadline = Number(this.headers["lambda-runtime-deadline-ms"]);
    const invocation = this;
    const callback = (error, value) => this.settle(error, value, this.waits);
    return {
      get callbackWaitsForEmptyEventLoop() { return invocation.waits; },
      set callbackWaitsForEmptyEventLoop(value) { invocation.waits = Boolean(value); },
      functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
      clientContext: parsed(this.headers["lambda-runtime-client-context"]),
      identity: parsed(this.headers["lambda-runtime-cognito-identity"]),
      invokedFunctionArn: this.headers["lambda-runtime-invoked-function-arn"],
      awsRequestId: this.id,
      getRemainingTimeInMillis: () => deadline - Date.now(),
      done: (error, value) => this.settle(error, value, this.waits),
      fail: (error) => this.settle(error ?? "handled", undefined, this.waits),
      succeed: (value) => this.settle(null, value, this.waits),
      [CALLBACK]: callback,
    };
  }

  run(handler) {
    const context = this.context();
    const callback = context[CALLBACK];
    delete context[CALLBACK];
    try {
      const event = JSON.parse(this.body);
      if (handler[HANDLER_STREAMING]) {
        runStreaming(handler, event, context, this.id).then(() => { this.settled = true; this.finished(); }, (error) => this.settle(error));
        return;
      }
      const result = handler(event, context, callback);
      if (typeof result?.then === "function") {
        result.then((value) => this.settle(null, value), (error) => this.settle(error ?? new Error("null")));
      }
    } catch (error) {
      this.settle(error ?? new Error("null"));
    }
  }
}

const CALLBACK = Symbol("callback");

// Headers are UTF-8, which Node.js takes for Latin-1.
function parsed(text) {
  return text ? JSON.parse(Buffer.from(text, "latin1").toString("utf8")) : undefined;
}

// Nothing is left to run: whoever waited for that, or forgot to answer, is done.
process.on("beforeExit", () => {
  const invocation = current;
  if (!invocation || invocation.settled) return;
  invocation.result ??= { error: null, value: null };
  invocation.send();
});

async function fatal(title, error, status) {
  logError(title, error);
  if (current && !current.settled) {
    current.settled = true;
    await postError(current.id, errorDocument(error));
  } else if (!current) {
    await postInitError(errorDocument(error));
  }
  process.exit(status);
}

process.on("unhandledRejection", (reason) => {
  const message = reason instanceof Error ? reason.toString() : String(reason);
  const error = new PlatformError("Runtime.UnhandledPromiseRejection", message);
  error.reason = reason;
  fatal("Unhandled Promise Rejection ", error, 128);
});

process.on("uncaughtException", (error) => fatal("Uncaught Exception ", error, 129));

async function main() {
  patchConsole();
  installGlobals();
  let handler;
  try {
    handler = await loadHandler(process.env._HANDLER);
  } catch (error) {
    logError("Uncaught Exception ", error);
    await postInitError(errorDocument(error));
    process.exit(1);
  }
  for (;;) {
    const { headers, body } = await nextInvocation();
    setRequestId(headers["lambda-runtime-aws-request-id"]);
    if (headers["lambda-runtime-trace-id"]) process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
    else delete process.env._X_AMZN_TRACE_ID;
    current = new Invocation(headers, body);
    current.run(handler);
    await current.done;
  }
}

main();
