import type { Problem } from './draft.js';

/** Longest wait for one page with all of its redirects, milliseconds. */
const TIMEOUT_MS = 20_000;
const MAX_REDIRECTS = 5;
const ACCEPTED = 'text/html, text/markdown, text/csv, application/xml;q=0.9, text/plain;q=0.5';

/** What a server answered. */
export interface Page {
  /** Where it is in the end. */
  readonly url: URL;
  /** Lower case, without parameters. */
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** Most bytes of a page of this media type and path; undefined when it is none that is wanted. */
type LimitOf = (mediaType: string, path: string) => number | undefined;

/** Fetches a page. A redirect to another host is told, not followed. */
export async function fetchPage(from: URL, limitOf: LimitOf, signal: AbortSignal): Promise<Page | Problem> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let url = from;
  try {
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const response = await fetch(url, { redirect: 'manual', headers: { accept: ACCEPTED }, signal: within });
      const next = redirectOf(response, url);
      if (next === undefined) return await read(response, url, limitOf);
      await response.body?.cancel();
      if (next.hostname !== from.hostname || !/^https?:$/.test(next.protocol))
        return problem(`the page has moved to another host. Import ${next.href} instead.`);
      url = next;
    }
    return problem(`there are more than ${MAX_REDIRECTS} redirects. Import the address that they lead to.`);
  } catch (error) {
    signal.throwIfAborted();
    if (within.aborted) return problem(`there was no answer within ${TIMEOUT_MS / 1000} s. Try again.`);
    if (!(error instanceof TypeError)) throw error;
    const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
    return problem(`the page cannot be fetched (${code ?? message}). Look at the address, or try again.`);
  }
}

const problem = (text: string): Problem => ({ line: 1, problem: text });

function redirectOf({ status, headers }: Response, base: URL): URL | undefined {
  const location = headers.get('location');
  return status >= 300 && status < 400 && location !== null && URL.canParse(location, base.href) ? new URL(location, base) : undefined;
}

async function read(response: Response, url: URL, limitOf: LimitOf): Promise<Page | Problem> {
  const mediaType = (response.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
  const limit = limitOf(mediaType, url.pathname);
  if (!response.ok || limit === undefined) {
    await response.body?.cancel();
    return problem(
      response.ok
        ? `the server sends ${mediaType || 'what it does not name'}. Pages are HTML, Markdown or CSV, and lists of them sitemaps.`
        : `the server answers with HTTP ${response.status}. Mend the address, or take it away.`,
    );
  }
  const bytes = await readAll(response, limit);
  return bytes ? { url, mediaType, bytes } : problem(`the page has more than ${limit / 1_000_000} MB. Make it smaller.`);
}

/** Undefined when there is more. */
async function readAll(response: Response, atMost: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    // Leaving the loop cancels the rest.
    if (length > atMost) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
