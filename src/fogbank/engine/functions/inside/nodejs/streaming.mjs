// Streamed answers: awslambda.streamifyResponse and awslambda.HttpResponseStream.

import { Writable } from "node:stream";
import { logError } from "./console.mjs";
import { errorDocument } from "./errors.mjs";
import { answer, postError, request } from "./client.mjs";

export const HANDLER_STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HTTP_TYPE = "application/vnd.awslambda.http-integration-response";

// The answer of one invocation: its request begins with the first write.
class ResponseStream extends Writable {
  constructor(id) {
    super({ highWaterMark: 65536 });
    this.id = id;
    this.type = "application/octet-stream";
    this.request = null;
  }

  setContentType(type) {
    this.type = type;
  }

  open() {
    if (this.request) return;
    this.request = request("POST", `/invocation/${this.id}/response`, {
      "Content-Type": this.type,
      "Lambda-Runtime-Function-Response-Mode": "streaming",
      "Transfer-Encoding": "chunked",
      Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
    });
    this.answered = answer(this.request);
    this.answered.catch((error) => this.destroy(error));
  }

  _write(chunk, encoding, done) {
    this.prelude?.();
    this.open();
    const data = typeof chunk === "string" || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk);
    this.request.write(data, typeof data === "string" ? encoding : undefined, done);
  }

  _final(done) {
    this.prelude?.();
    this.open();
    this.request.end();
    this.answered.then(() => done(), done);
  }

  async fail(error) {
    const document = errorDocument(error);
    this.request.addTrailers({
      "Lambda-Runtime-Function-Error-Type": String(document.errorType).replace(/[^\x20-\x7e]/g, "?"),
      "Lambda-Runtime-Function-Error-Body": Buffer.from(JSON.stringify(document)).toString("base64"),
    });
    this.request.end();
    await this.answered;
  }
}

export async function runStreaming(handler, event, context, id) {
  const stream = new ResponseStream(id);
  const ended = new Promise((resolve, reject) => stream.on("finish", resolve).on("error", reject));
  ended.catch(() => {});
  try {
    await handler(event, stream, context);
    await ended;
  } catch (error) {
    logError("Invoke Error ", error);
    if (stream.request) await stream.fail(error);
    else await postError(id, errorDocument(error));
  }
}

export function installGlobals() {
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[HANDLER_STREAMING] = "response";
      if (typeof options?.highWaterMark === "number") handler[Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark")] = options.highWaterMark;
      return handler;
    },
    HttpResponseStream: {
      // The metadata goes before the body: JSON, and eight zero bytes.
      from(stream, metadata) {
        stream.setContentType(HTTP_TYPE);
        const prelude = JSON.stringify(metadata);
        stream.prelude = () => {
          stream.prelude = undefined;
          stream.open();
          stream.request.write(prelude);
          stream.request.write(Buffer.alloc(8));
        };
        return stream;
      },
    },
  };
}
