import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Audience } from '../gen/replymesh/type/v1/knowledge.js';
import { packageRoot } from '../lib/packageRoot.js';
import { startTestMesh, type TestMesh } from './mesh.js';

const main = fileURLToPath(new URL('dist/cli/main.js', packageRoot));

let t: TestMesh;
let work: string;
beforeAll(async () => {
  t = await startTestMesh({
    withEnvoy: false,
    // A machine that is busy with others is slow, which is no failed call.
    env: { REPLYMESH_INFERENCE_WORKERS: '1', REPLYMESH_DEADLINE_MS: '120000' },
  });
});
afterAll(() => t?.stop());
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'replymesh-help-'));
  return () => rm(work, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env['PATH'] ?? '', REPLYMESH_GRPC_PORT: String(t.mesh.grpcPort), REPLYMESH_DATA_DIR: t.dataDir };
  const child = spawn(process.execPath, [main, 'knowledge', 'import', ...args], { cwd: work, env });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...said };
}
async function write(path: string, content: string): Promise<void> {
  await mkdir(join(work, path, '..'), { recursive: true });
  await writeFile(join(work, path), content);
}
const stored = async (id: string) => (await t.knowledge.getArticle({ id })).article!;
const ids = async () => (await t.knowledge.listArticles({ sourcePrefix: work, pageSize: 200 })).articles.map((article) => article.id);

describe('an import', () => {
  it('brings Markdown, HTML and CSV in, once, and finds them', async () => {
    await write('help/zebra/stripes.md', '---\naudience: AGENT\nstale_at: 2027-01-31\n---\n# Zebra stripes\n\nA zebra costs two lions.\n');
    await write('help/lion.html', '<html lang="en"><nav>Home</nav><main><h1>Lions</h1><p>A lion costs nothing.</main></html>');
    await write('help/faq.csv', 'title,body\nWhere,Here.\nWhen,Soon.\n');
    expect(await run('help')).toEqual({ code: 0, stdout: '4 added, 0 changed, 0 unchanged, 0 pruned, 0 refused\n', stderr: '' });
    expect(await stored('zebra-stripes')).toMatchObject({
      title: 'Zebra stripes',
      body: 'A zebra costs two lions.',
      audience: Audience.AGENT,
      source: join(work, 'help/zebra/stripes.md'),
      staleTime: new Date('2027-01-31T00:00:00Z'),
      version: 1,
    });
    const { passages } = await t.knowledge.searchArticles({ text: 'lions' });
    expect(passages).toContainEqual(expect.objectContaining({ articleId: 'lion', title: 'Lions', text: 'A lion costs nothing.' }));
    expect((await run('help')).stdout).toBe('0 added, 0 changed, 4 unchanged, 0 pruned, 0 refused\n');
    await write('help/lion.html', '<html lang="en"><main><h1>Lions</h1><p>A lion costs something.</main></html>');
    expect((await run('help', '--json')).stdout).toBe('{"dryRun":false,"added":0,"changed":1,"unchanged":3,"pruned":0,"refused":[]}\n');
    expect(await stored('lion')).toMatchObject({ body: 'A lion costs something.', version: 2 });
  });

  it('tells with file and line what it refuses, and imports the rest', async () => {
    await write('bad/partners.md', '---\naudience: PARTNERS\nlanguge: x\n---\n# Partners\n\nText.\n');
    await write('bad/rows.csv', 'title,body\nOne row,"a "b" c"\nTwo rows,fine\n');
    await write('bad/empty.md', '');
    await write('bad/huge.md', 'x'.repeat(50_000_000));
    await write('bad/good.md', '# Good one\n\nText.\n');
    await write('bad/notes.txt', 'x');
    const { code, stdout, stderr } = await run('bad');
    expect([code, stdout]).toEqual([1, '2 added, 0 changed, 0 unchanged, 0 pruned, 4 refused\n']);
    expect(stderr.trimEnd().split('\n')).toEqual([
      'Files of other kinds that are left out: 1.',
      'These keys mean nothing here: languge (1).',
      'bad/empty.md:1: the file is empty. Fill it in or take it away.',
      expect.stringMatching(/^bad\/huge\.md:1: the file has 50\.0 MB of at most 5 MB/),
      'bad/partners.md:2: the audience "PARTNERS" is not known. Use PUBLIC or AGENT.',
      expect.stringMatching(/^bad\/rows\.csv:2: the row cannot be read as CSV: .* The line is left out\./),
    ]);
    expect(await ids()).toEqual(['good', 'rows-two-rows']);
  });

  it('prunes what is gone and nothing else, and first says so when it is only tried', async () => {
    await write('shop/one.md', '# Number one\n\nText.\n');
    await write('shop/two.md', '# Number two\n\nText.\n');
    await write('shop/rows.csv', 'title,body\nFirst,Text.\nSecond,Text.\n');
    await write('other/three.md', '# Number three\n\nText.\n');
    await run('shop');
    await run('other');
    await rm(join(work, 'shop/one.md'));
    await write('shop/two.md', '---\naudience: nobody\n---\n# Number two\n\nText.\n');
    await write('shop/rows.csv', 'title,body\nSecond,Text.\n');
    await write('shop/new.md', '# Newer\n\nText.\n');
    const before = await ids();
    const tried = await run('shop', '--prune', '--dry-run');
    expect([tried.code, tried.stdout.replaceAll(work, '')]).toEqual([
      1,
      '+ new  shop/new.md:1\n- one  /shop/one.md\n- rows-first  /shop/rows.csv\nIt would be: 1 added, 0 changed, 1 unchanged, 2 pruned, 1 refused\n',
    ]);
    expect(await ids()).toEqual(before);
    expect((await run('shop', '--prune')).stdout).toBe('1 added, 0 changed, 1 unchanged, 2 pruned, 1 refused\n');
    expect(await ids()).toEqual(['new', 'rows-second', 'three', 'two']);
  });

  it('takes no place of an article from elsewhere unless it is told to', async () => {
    await write('a/same.md', '# Same\n\nText.\n');
    await write('b/same.md', '# Same\n\nOther text.\n');
    await run('a');
    const refused = await run('b');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/^b\/same\.md:1: the id "same" belongs to .*--replace\.\n$/)]);
    expect((await run('b', '--replace')).stdout).toBe('0 added, 1 changed, 0 unchanged, 0 pruned, 0 refused\n');
    expect(await stored('same')).toMatchObject({ body: 'Other text.', source: join(work, 'b/same.md'), version: 2 });
  });

  it('knows a folder by its name, wherever it lies', async () => {
    await write('a/named.md', '# Named\n\nText.\n');
    await run('a', '--source', 'shop-help');
    await mkdir(join(work, 'elsewhere'));
    await write('elsewhere/named.md', '# Named\n\nText.\n');
    await appendFile(join(work, 'elsewhere/named.md'), 'More.\n');
    expect((await run('elsewhere', '--source', 'shop-help')).stdout).toMatch(/^0 added, 1 changed/);
    expect((await stored('named')).source).toBe('shop-help/named.md');
  });

  it('says what is wrong with how it was asked', async () => {
    expect(await run('missing')).toMatchObject({ code: 1, stderr: 'missing: there is no such file or folder.\n' });
    expect(await run('http://127.0.0.1:1/', '--source', 'x')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--source is for folders'),
    });
    expect(await run('missing', '--audience', 'ALL')).toMatchObject({ code: 2, stderr: expect.stringContaining('PUBLIC, AGENT') });
  });
});
