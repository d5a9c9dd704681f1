import { Parser } from 'htmlparser2';

export interface Location {
  readonly address: string;
  /** Line of the file that it stands on. */
  readonly line: number;
  /** Another sitemap, not a page. */
  readonly isSitemap: boolean;
}

/** What a sitemap (sitemaps.org) names. Undefined when the text is something else. */
export function parseSitemap(xml: string): Location[] | undefined {
  const found: Location[] = [];
  const open: string[] = [];
  let isSitemap = false;
  let text = '';
  let [line, counted] = [1, 0];
  const lineOf = (position: number): number => {
    for (; counted < position; counted += 1) if (xml[counted] === '\n') line += 1;
    return line;
  };
  const parser = new Parser(
    {
      onopentagname: (name) => {
        if (open.length === 0) isSitemap ||= name === 'urlset' || name === 'sitemapindex';
        open.push(name);
        text = '';
      },
      ontext: (part) => {
        text += part;
      },
      onclosetag: (name) => {
        open.pop();
        const of = open.at(-1);
        if (name === 'loc' && (of === 'url' || of === 'sitemap'))
          found.push({ address: text.trim(), line: lineOf(parser.startIndex), isSitemap: of === 'sitemap' });
      },
    },
    { xmlMode: true },
  );
  parser.end(xml);
  return isSitemap ? found : undefined;
}
