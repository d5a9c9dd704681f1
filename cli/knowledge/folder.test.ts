import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFolder } from './folder.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replymesh-help-'));
  const write = async (path: string, content: string | Buffer) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  };
  await write('help/b.md', '# B\nText.');
  await write('help/a/deep.HTML', '<p>Text.');
  await write('help/z.csv', 'title,body\nZ,Text.\n');
  await write('help/picture.png', 'x');
  await write('help/.git/c.md', '# C\nText.');
  await write('help/latin1.md', Buffer.from('# A\n\nGr\xfcn', 'latin1'));
  await write('help/empty.md', '\n');
  await write('help/huge.md', Buffer.alloc(50_000_000, 'x'));
  await mkdir(join(folder, 'nothing'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const signal = new AbortController().signal;
const failure = (path: string) =>
  openFolder(join(folder, path), undefined).then(String, (error: Error) => error.message.replace(folder, ''));

describe('a folder', () => {
  it('is walked, in the order of its paths; hidden and other files are left out', async () => {
    const { prefix, entries, others } = await openFolder(join(folder, 'help'), undefined);
    expect(entries.map((entry) => [entry.path, entry.source.slice(folder.length)])).toEqual([
      ['a/deep', '/help/a/deep.HTML'],
      ['b', '/help/b.md'],
      ['empty', '/help/empty.md'],
      ['huge', '/help/huge.md'],
      ['latin1', '/help/latin1.md'],
      ['z', '/help/z.csv'],
    ]);
    expect([prefix, others]).toEqual([`${folder}/help/`, 1]);
  });

  it('may have a name in place of its path, and so may a file', async () => {
    const named = await openFolder(join(folder, 'help'), 'help-centre');
    expect([named.prefix, named.entries[1]?.source]).toEqual(['help-centre/', 'help-centre/b.md']);
    const one = await openFolder(join(folder, 'help', 'b.md'), 'help-centre');
    expect([one.prefix, one.isOne, one.entries[0]?.source]).toEqual(['help-centre/b.md', true, 'help-centre/b.md']);
  });

  it('says of each file that cannot be read on which line, and what to do', async () => {
    const { entries } = await openFolder(join(folder, 'help'), undefined);
    const problems = await Promise.all(entries.map(async (entry) => [entry.path, (await entry.read(signal)).problems] as const));
    expect(problems.filter(([, list]) => list.length > 0)).toEqual([
      ['empty', [{ line: 1, problem: 'the file is empty. Fill it in or take it away.' }]],
      ['huge', [{ line: 1, problem: expect.stringMatching(/50\.0 MB of at most 5 MB.*Split it/) }]],
      ['latin1', [{ line: 3, problem: 'this is not UTF-8. Save the file as UTF-8.' }]],
    ]);
  });

  it('with links in a circle is walked once, and says of a link that it cannot follow where that is', async () => {
    await mkdir(join(folder, 'linked', 'deep'), { recursive: true });
    await writeFile(join(folder, 'linked', 'deep', 'a.md'), '# A\n\nText.');
    await symlink('../..', join(folder, 'linked', 'deep', 'up'));
    await symlink('two.md', join(folder, 'linked', 'one.md'));
    await symlink('one.md', join(folder, 'linked', 'two.md'));
    await symlink('nowhere', join(folder, 'linked', 'z.md'));
    await symlink('deep', join(folder, 'linked', 'folder.md'));
    const { entries } = await openFolder(join(folder, 'linked'), undefined);
    const read = await Promise.all(entries.map(async (entry) => [entry.path, await entry.read(signal)] as const));
    expect(read.map(([path, { drafts, problems }]) => [path, drafts.length, problems])).toEqual([
      ['deep/a', 1, []],
      ['folder', 0, [{ line: 1, problem: expect.stringContaining('EISDIR') }]],
      ['one', 0, [{ line: 1, problem: expect.stringContaining('ELOOP') }]],
      ['two', 0, [{ line: 1, problem: expect.stringContaining('ELOOP') }]],
      ['z', 0, [{ line: 1, problem: expect.stringContaining('ENOENT') }]],
    ]);
  });

  it('that is not there, or holds no articles, is told', async () => {
    expect(await failure('missing')).toBe('/missing: there is no such file or folder.');
    expect(await failure('nothing')).toBe('/nothing: there is no file that ends in .md, .markdown, .html, .htm, .csv.');
    expect(await failure('help/picture.png')).toMatch(/this is no file of articles/);
  });
});
