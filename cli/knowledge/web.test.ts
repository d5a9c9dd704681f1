import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readEntries } from './readEntries.js';
import { openWeb } from './web.js';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;
const pages = new Map<string, Answer>();
const server = createServer((request, response) => {
  const answer = pages.get(request.url ?? '');
  if (answer) answer(response, request);
  else response.writeHead(404).end();
});
let origin: string;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => pages.clear());

const typed =
  (type: string, body: string | Buffer): Answer =>
  (response) =>
    void response.writeHead(200, { 'content-type': type }).end(body);
const html = (title: string) => typed('text/html; charset=utf-8', `<html lang="en"><main><h1>${title}</h1><p>Text.</p></main></html>`);
const sitemap = (...paths: string[]) =>
  typed('application/xml', `<?xml version="1.0"?>\n<urlset>\n${paths.map((path) => `<url><loc>${path}</loc></url>\n`).join('')}</urlset>`);
const signal = new AbortController().signal;
async function read(path: string) {
  const source = await openWeb(`${origin}${path}`, signal);
  const { articles, refusals } = await readEntries(source.entries, {}, signal);
  const place = (text: string) => text.replaceAll(origin, '');
  return {
    prefix: place(source.prefix),
    articles: articles.map(({ article }) => [article.id, place(article.source), article.title]),
    refusals: [...source.refusals, ...refusals].map(({ file, line, problem }) => `${place(file)}:${line}: ${place(problem)}`),
  };
}
const failure = (path: string): Promise<string> =>
  openWeb(`${origin}${path}`, signal).then(
    () => 'nothing failed',
    (error: Error) => error.message.replaceAll(origin, ''),
  );

describe('an address', () => {
  it('may be a page of HTML, Markdown or CSV, known by its path', async () => {
    pages.set('/en/Refunds.html', html('Refunds'));
    pages.set('/terms.md', typed('text/plain', '# Terms\n\nText.'));
    pages.set('/faq?format=csv', typed('text/csv', 'title,body\nWhen,Soon.\nWhere,Here.\n'));
    expect(await read('/en/Refunds.html#top')).toEqual({
      prefix: '/en/Refunds.html',
      articles: [['en-refunds', '/en/Refunds.html', 'Refunds']],
      refusals: [],
    });
    expect((await read('/terms.md')).articles).toEqual([['terms', '/terms.md', 'Terms']]);
    expect((await read('/faq?format=csv')).articles).toEqual([
      ['faq-format-csv-when', '/faq?format=csv', 'When'],
      ['faq-format-csv-where', '/faq?format=csv', 'Where'],
    ]);
  });

  it('may be a sitemap, or a sitemap of sitemaps: every page of the same origin is read', async () => {
    pages.set(
      '/sitemap.xml',
      typed(
        'text/xml',
        `<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><sitemap><loc>${origin}/en.xml</loc></sitemap><sitemap><loc>/sitemap.xml</loc></sitemap></sitemapindex>`,
      ),
    );
    pages.set('/en.xml', sitemap(` ${origin}/a?x=1&amp;y=2 `, `<![CDATA[${origin}/b]]>`, 'https://elsewhere.example/c', `${origin}/gone`));
    pages.set('/a?x=1&y=2', html('A'));
    pages.set('/b', html('B'));
    expect(await read('/sitemap.xml')).toEqual({
      prefix: '/',
      articles: [
        ['a-x-1-and-y-2', '/a?x=1&y=2', 'A'],
        [expect.stringMatching(/^b-[0-9a-f]{8}$/), '/b', 'B'],
      ],
      refusals: [
        expect.stringMatching(/^\/en\.xml:5: "https:\/\/elsewhere\.example\/c" is not on/),
        '/gone:1: the server answers with HTTP 404. Mend the address, or take it away.',
      ],
    });
  });

  it('is followed to where it moved on its own host, and not elsewhere', async () => {
    const to =
      (location: string): Answer =>
      (response) =>
        void response.writeHead(302, { location }).end();
    pages.set('/old', to('/new'));
    pages.set('/new', html('New'));
    pages.set('/away', to('https://elsewhere.example/x'));
    pages.set('/round', to('/round'));
    expect((await read('/old')).articles).toEqual([['new', '/new', 'New']]);
    expect(await failure('/away')).toBe('/away: the page has moved to another host. Import https://elsewhere.example/x instead.');
    expect(await failure('/round')).toMatch(/more than 5 redirects/);
  });

  it('is refused when nothing can be made of it, with what to do', async () => {
    pages.set('/a.pdf', typed('application/pdf', '%PDF'));
    pages.set('/feed.xml', typed('application/xml', '<rss/>'));
    pages.set('/empty.xml', sitemap());
    pages.set('/huge', (response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      // For ever, so that only a limit ends it.
      const more = () => void (!response.destroyed && response.write(Buffer.alloc(1_000_000, 'x'), () => setImmediate(more)));
      more();
    });
    expect(await failure('/missing')).toBe('/missing: the server answers with HTTP 404. Mend the address, or take it away.');
    expect(await failure('/a.pdf')).toMatch(/the server sends application\/pdf\. Pages are HTML, Markdown or CSV/);
    expect(await failure('/feed.xml')).toMatch(/\/feed\.xml:1: this is no sitemap/);
    expect(await failure('/empty.xml')).toMatch(/it names no page/);
    expect(await failure('/huge')).toMatch(/more than 5 MB/);
    await expect(openWeb('http://127.0.0.1:1/', signal)).rejects.toThrow(/cannot be fetched/);
  });

  it('is let go on Ctrl-C', async () => {
    const interrupted = new AbortController();
    pages.set('/slow', () => interrupted.abort());
    await expect(openWeb(`${origin}/slow`, interrupted.signal)).rejects.toThrow(/abort/);
  });
});
