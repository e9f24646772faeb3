// Requests to the server, and what it answers when it does not do what was asked.

/** The server said no: `status` of HTTP, what to do in `message`, seconds to wait if it said so. */
export class Problem extends Error {
  constructor(status, detail, { code = null, title = "", retrySeconds = null } = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.title = title;
    this.retrySeconds = retrySeconds;
  }

  /** Whether a token, or another one, could help. */
  get wantsToken() {
    return this.status === 401 || this.status === 403;
  }
}

/** Make a problem of an answer that is not what was wanted. */
export async function problemOf(response) {
  const document = await response.json().catch(() => ({}));
  const wait = Number.parseFloat(response.headers.get("Retry-After"));
  return new Problem(response.status, String(document.detail || document.title || `the server answered ${response.status}`), {
    code: document.code ?? null,
    title: document.title ?? "",
    retrySeconds: Number.isFinite(wait) ? wait : null,
  });
}

/**
 * Ask the API.
 *
 * @param {string} path After `/api/v1`.
 * @returns the document, or null if there is none.
 * @throws {Problem} It said no; `status` 0 if it could not be reached.
 */
export async function api(path, { method = "GET", body, token, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/api/v1${path}`, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The server cannot be reached. Check the connection; the page tries again by itself.");
  }
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? null : response.json();
}

/** Encode an id for an address. */
export const inPath = encodeURIComponent;
