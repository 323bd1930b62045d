// The console, as functions see it: time, request, level and message; or JSON.

import fs from "node:fs";
import util from "node:util";
import { isError, logged } from "./errors.mjs";

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const METHODS = { trace: "TRACE", debug: "DEBUG", log: "INFO", info: "INFO", warn: "WARN", error: "ERROR", fatal: "FATAL" };
const json = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
const least = LEVELS[process.env.AWS_LAMBDA_LOG_LEVEL] ?? 0;
const fd = Number(process.env._LAMBDA_TELEMETRY_LOG_FD || 1);
const MAX = 256 * 1024 - 26;
let requestId;

export function setRequestId(id) {
  requestId = id;
}

export function patchConsole() {
  delete process.env._LAMBDA_TELEMETRY_LOG_FD;
  for (const [method, level] of Object.entries(METHODS)) {
    if (json && LEVELS[level] < least) console[method] = () => {};
    else console[method] = (...args) => emit(level, json ? jsonLine(level, args) : textLine(level, util.format(...args)));
  }
}

export function logError(title, error) {
  const detail = logged(error);
  if (json) emit("ERROR", jsonDocument("ERROR", detail));
  else emit("ERROR", textLine("ERROR", `${title}\t${safeJson(detail)}`));
}

function textLine(level, message) {
  return `${new Date().toISOString()}\t${requestId}\t${level}\t${message}\n`;
}

function jsonLine(level, args) {
  const only = args.length === 1 ? args[0] : undefined;
  const error = args.find(isError);
  const message = only !== null && typeof only === "object" && !isError(only) && serialisable(only) ? only : util.format(...args);
  if (!error) return jsonDocument(level, message);
  const { errorType, errorMessage, stack } = logged(error);
  return jsonDocument(level, message, { errorType, errorMessage, stackTrace: stack });
}

function jsonDocument(level, message, more = {}) {
  return `${JSON.stringify({ timestamp: new Date().toISOString(), level, requestId, ...more, message })}\n`;
}

function serialisable(value) {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}

function safeJson(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return util.inspect(value);
  }
}

function emit(level, text) {
  const message = Buffer.from(text, "utf8");
  for (let start = 0; start < message.length; start += MAX) frame(level, message.subarray(start, start + MAX));
}

function frame(level, part) {
  const head = Buffer.alloc(16);
  head.writeUInt32BE((0xa55a0002 | (LEVELS[level] << 2) | (json ? 0 : 1)) >>> 0, 0);
  head.writeUInt32BE(part.length, 4);
  head.writeBigInt64BE(BigInt(Date.now()) * 1000n, 8);
  writeAll(Buffer.concat([head, part]));
}

// The pipe may be full: whoever reads it holds the function back.
function writeAll(data) {
  for (let done = 0; done < data.length; ) {
    try {
      done += fs.writeSync(fd, data, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
