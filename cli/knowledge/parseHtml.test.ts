import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHtml } from './parseHtml.js';

const page = (body: string, head = ''): string => `<!doctype html><html lang="en-US"><head>${head}</head><body>${body}</body></html>`;
const draftOf = (html: string) => parseHtml(html).drafts[0];

describe('an HTML page', () => {
  it('gives its text as Markdown, without scripts, navigation and what else is around it', () => {
    const html = page(
      `<header><h1>Northwind</h1></header><nav><a href="/">Home</a></nav>
       <main><header><h1>Refunds &amp; returns</h1><script>track("</main>")</script></header>
         <p>We pay <b>within 5&nbsp;days</b>;<br>see <a href="/terms">the terms</a>. <img src="data:image/png;base64,AAAA" alt="x">
         <h2>Prices</h2><table><tr><th>Country</th><th>Price</th></tr><tr><td>Germany</td><td>4.90 EUR</td></tr></table>
         <ul><li>one<li>two</ul><pre>## no heading</pre><form><input value="y"></form><div hidden>secret</div>
         <nav>Next</nav></main><footer>©</footer>`,
      '<title>Refunds – Northwind</title><style>p { color: red }</style>',
    );
    expect(draftOf(html)).toEqual({
      line: 1,
      fields: { title: 'Refunds & returns', language: 'en-US' },
      lines: {},
      name: '',
      body: `We pay within 5 days;\nsee the terms.

## Prices

Country   Price
Germany   4.90 EUR

- one
- two

\`\`\`
## no heading
\`\`\``,
    });
  });

  it('is called by its title where it has no heading, and read whole where nothing says what its text is', () => {
    expect(draftOf(page('<header>Menu</header><p>Text.', '<title> Refunds\n of all kinds </title>'))).toMatchObject({
      fields: { title: 'Refunds of all kinds' },
      body: 'Text.',
    });
    expect(draftOf('<p>Only <i>text</i>')).toMatchObject({ fields: {}, body: 'Only text' });
    expect(draftOf(page('<svg><title>Logo</title></svg><article><p>Text.</article>'))).toMatchObject({
      fields: { language: 'en-US' },
      body: 'Text.',
    });
  });

  it('is refused when there is no text in it', () => {
    for (const html of [page('<script>render()</script>'), page('<main><img src="x"></main><nav>Home</nav>'), '<p> </p>'])
      expect(parseHtml(html).problems).toMatchObject([{ line: 1, problem: expect.stringContaining('no text') }]);
  });

  it('that was made to stop its reader is refused on the line where that begins, and the same in small is read', () => {
    const wide = (rows: string, columns: string) => `<table><tr><td rowspan="${rows}" colspan="${columns}">x</table>`;
    const bombs: [string, string][] = [
      ['<div>\n'.repeat(1_000_000), '1001: the page has more than 1000 elements inside of each other'],
      [`<ul>${'<li>x\n'.repeat(600_000)}`, '20000: the page has more than 20000 elements'],
      [`<p>x</p>\n${'</p>'.repeat(1_000_000)}`, '2: the page has more than 20000 elements'],
      [`\n\n${wide('999999999', '999999999')}`, '3: a cell of a table stands for more than 1000'],
    ];
    const told = bombs.map(([html]) => parseHtml(html).problems.map(({ line, problem }) => `${line}: ${problem}`));
    expect(told).toEqual(bombs.map(([, start]) => [`${start}. Import the text of it, as Markdown.`]));
    expect(draftOf(`<div>${'<div>'.repeat(100)}text`)?.body).toBe('text');
    expect(draftOf(wide('2', '3'))?.body).toBe('x');
  });

  it('keeps every word of its paragraphs, in their order', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'B', 'é', '返', '7', '-', '_', '*', '.'), minLength: 1, maxLength: 8 });
    const paragraph = fc.array(word, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(paragraph, { minLength: 1, maxLength: 8 }), (paragraphs) => {
        const html = page(
          `<nav>no</nav><main>${paragraphs.map((words) => `<p>${words.join(' <b>\n</b>')}</p>`).join('<script>no</script>')}</main>`,
        );
        expect(draftOf(html)?.body.split(/\s+/)).toEqual(paragraphs.flat());
      }),
    );
  });

  it('is read or refused, whatever is in it', () => {
    const piece = fc.constantFrom(
      '<main>',
      '</main>',
      '<p',
      '>',
      '<',
      '</',
      '<!--',
      '-->',
      '<h1>',
      '<table><tr><td>',
      '<ul><li>',
      '&amp',
      '&#x',
      '"',
      '<pre>',
      '<title>',
      'text',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const { drafts, problems } = parseHtml(pieces.join(''));
        expect(drafts.length + problems.length).toBe(1);
      }),
      { numRuns: 500 },
    );
    expect(parseHtml(`${'<div>'.repeat(5000)}text`).problems).toHaveLength(1);
  });
});
