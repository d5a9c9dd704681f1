import { CommandFailed } from '../failure.js';
import { decode } from './decode.js';
import { type Parsed, type Problem, type Refusal, refused } from './draft.js';
import { fetchPage, type Page } from './fetchPage.js';
import { kindOfResponse, withoutEnding } from './kinds.js';
import { type Location, parseSitemap } from './sitemap.js';
import type { Entry, Source } from './source.js';

/** What sitemaps.org allows. */
const MAX_SITEMAP_BYTES = 50_000_000;
const MAX_SITEMAPS = 100;
const MAX_PAGES = 10_000;

/** A page, or every page that a sitemap names, sitemaps of sitemaps with it. All are of the one origin that the operator gave. */
export async function openWeb(address: string, signal: AbortSignal): Promise<Source> {
  const page = await fetchPage(withoutFragment(new URL(address)), limitOf, signal);
  if ('problem' in page) throw new CommandFailed(`${address}: ${page.problem}`);
  if (isSitemap(page)) return openSitemap(page, signal);
  // It is here already: read once, it is not fetched again.
  const entry = { ...entryOf(page.url), read: async () => parse(page) };
  return { prefix: page.url.href, isOne: true, entries: [entry], refusals: [], others: 0 };
}

const XML = ['application/xml', 'text/xml'];
const isSitemap = ({ mediaType, url }: Pick<Page, 'mediaType' | 'url'>): boolean =>
  XML.includes(mediaType) || (url.pathname.endsWith('.xml') && kindOfResponse(mediaType, url.pathname) === undefined);
const limitOf = (mediaType: string, path: string): number | undefined =>
  kindOfResponse(mediaType, path)?.maxBytes ?? (XML.includes(mediaType) || path.endsWith('.xml') ? MAX_SITEMAP_BYTES : undefined);
const pageLimitOf = (mediaType: string, path: string): number | undefined => kindOfResponse(mediaType, path)?.maxBytes;

const parse = ({ mediaType, url, bytes }: Page): Parsed => kindOfResponse(mediaType, url.pathname)!.parse(bytes);

function entryOf(url: URL): Entry {
  return {
    file: url.href,
    source: url.href,
    path: pathOf(url),
    read: async (signal) => {
      const page = await fetchPage(url, pageLimitOf, signal);
      return 'problem' in page ? refused(page.line, page.problem) : parse(page);
    },
  };
}

/** The host for a page without a path of its own. */
function pathOf({ pathname, search, hostname }: URL): string {
  const path = `${withoutEnding(pathname)}${search}`.replace(/^\/+|\/+$/g, '');
  try {
    return decodeURIComponent(path) || hostname;
  } catch {
    return path;
  }
}

const withoutFragment = (url: URL): URL => {
  const bare = new URL(url);
  bare.hash = '';
  return bare;
};

async function openSitemap(first: Page, signal: AbortSignal): Promise<Source> {
  const { origin, href } = first.url;
  const pages = new Map<string, Entry>();
  const refusals: Refusal[] = [];
  const sitemaps = new Map([[href, first.url]]);
  // Grows while it is walked.
  for (const [file, at] of sitemaps) {
    const page = at === first.url ? first : await fetchPage(at, limitOf, signal);
    const locations = 'problem' in page ? page : locationsIn(page);
    if ('problem' in locations) {
      refusals.push({ file, ...locations });
      continue;
    }
    for (const { address, line, isSitemap: leadsOn } of locations) {
      const url = URL.canParse(address, file) ? withoutFragment(new URL(address, file)) : undefined;
      if (url?.origin !== origin)
        refusals.push({ file, line, problem: `"${address}" is not on ${origin}. Import it by itself, or take it out.` });
      else if (leadsOn) sitemaps.set(url.href, url);
      else pages.set(url.href, entryOf(url));
    }
    if (sitemaps.size > MAX_SITEMAPS || pages.size > MAX_PAGES)
      throw new CommandFailed(`${href}: it leads to more than ${MAX_SITEMAPS} sitemaps or ${MAX_PAGES} pages. Import them one by one.`);
  }
  if (pages.size === 0)
    throw new CommandFailed([`${href}: it names no page.`, ...refusals.map((r) => `${r.file}:${r.line}: ${r.problem}`)].join('\n'));
  return { prefix: `${origin}/`, isOne: false, entries: [...pages.values()], refusals, others: 0 };
}

function locationsIn({ bytes }: Page): Location[] | Problem {
  const text = decode(bytes);
  if (typeof text !== 'string') return text;
  return (
    parseSitemap(text) ?? { line: 1, problem: 'this is no sitemap: there is no <urlset> or <sitemapindex>. Import a page or a sitemap.' }
  );
}
