// Errors as AWS's runtimes write them.

export class PlatformError extends Error {
  constructor(name, message, stack) {
    super(message);
    this.name = name;
    if (stack) this.stack = `${name}: ${stack.replace(/^\w*Error: /, "")}`;
    else this.stack = this.stack.replace(/^Error/, name);
  }
}

export function errorDocument(error) {
  if (isError(error)) {
    return { errorType: error.name, errorMessage: error.message, trace: String(error.stack || "").split("\n") };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

export function isError(value) {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

// What of an error goes into the log: its own members, too.
export function logged(error) {
  if (!isError(error)) return errorDocument(error);
  const { errorType, errorMessage, trace } = errorDocument(error);
  return { errorType, errorMessage, ...(error.code === undefined ? {} : { code: error.code }), ...Object.fromEntries(Object.entries(error).filter(([name]) => name !== "name")), stack: trace };
}
