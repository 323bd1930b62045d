// The Runtime API over HTTP. Connections are kept; those that nothing goes on with do not keep the process alive.

import http from "node:http";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const RUNTIME = "/2018-06-01/runtime";
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

export function request(method, path, headers, trailers) {
  return http.request({ host, port, method, path: RUNTIME + path, headers, agent, setHost: true });
}

export function answer(sent) {
  return new Promise((resolve, reject) => {
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
    });
  });
}

async function send(method, path, body, headers) {
  const sent = request(method, path, { ...headers, ...(body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) }) });
  const answered = answer(sent);
  sent.end(body);
  return answered;
}

export async function nextInvocation() {
  const { status, headers, body } = await send("GET", "/invocation/next");
  if (status !== 200) throw new Error(`Failed to get next: ${status}`);
  return { headers, body: body.toString("utf8") };
}

export async function postResponse(id, text) {
  await send("POST", `/invocation/${id}/response`, text, { "Content-Type": "application/json" });
}

export async function postError(id, document) {
  await send("POST", `/invocation/${id}/error`, JSON.stringify(document), errorHeaders(document));
}

export async function postInitError(document) {
  await send("POST", "/init/error", JSON.stringify(document), errorHeaders(document));
}

function errorHeaders(document) {
  const type = String(document.errorType).replace(/[^\x20-\x7e]/g, "?");
  return { "Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": type };
}
