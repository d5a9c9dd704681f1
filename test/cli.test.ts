import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { type ClientError, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Decision } from '../gen/replymesh/type/v1/decision.js';
import { freePort } from '../lib/freePort.js';
import { packageRoot } from '../lib/packageRoot.js';
import { startLlmServer } from './llmServer.js';
import { startTestMesh, type TestMesh } from './mesh.js';

// A command takes seconds on a machine that is busy with others.
vi.setConfig({ testTimeout: 60_000 });

const root = fileURLToPath(packageRoot);
const main = join(root, 'dist', 'cli', 'main.js');
const question = 'where is my refund?';
const ESC = String.fromCharCode(27);

type Variables = Readonly<Record<string, string>>;
interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
interface Running {
  readonly process: ChildProcess;
  readonly said: { stdout: string; stderr: string };
  readonly ended: Promise<Ended>;
}

/** One thread for the models is enough here, and starts sooner. */
const FRUGAL: Variables = { REPLYMESH_INFERENCE_WORKERS: '1' };
/** What was started and not ended yet, for a test that fails half-way. */
const left = new Set<ChildProcess>();
const outside: Variables = {
  ...FRUGAL,
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '',
  ...(process.env['ENVOY_BIN'] ? { ENVOY_BIN: process.env['ENVOY_BIN'] } : {}),
};
const execute = promisify(execFile);

function launch(command: string, args: readonly string[], env: Variables): Running {
  const child = spawn(command, args, { cwd: root, env: { ...outside, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  left.add(child);
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const ended = once(child, 'close').then(([code]): Ended => {
    left.delete(child);
    return { code: code as number | null, ...said };
  });
  return { process: child, said, ended };
}

/** The processes that it has started and that live. */
const childrenOf = async ({ process: { pid } }: Running): Promise<number[]> => {
  const { stdout } = await execute('pgrep', ['-P', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.split('\n').filter(Boolean).map(Number);
};
/** Every process that it starts until it ends. */
function followed(running: Running): ReadonlySet<number> {
  const all = new Set<number>();
  const looking = setInterval(async () => {
    for (const pid of await childrenOf(running)) all.add(pid);
  }, 200);
  void running.ended.then(() => clearInterval(looking));
  return all;
}
const untilChildren = (running: Running, count: number): Promise<number[]> =>
  vi.waitFor(
    async () => {
      const children = await childrenOf(running);
      expect(children).toHaveLength(count);
      return children;
    },
    { timeout: 20_000, interval: 100 },
  );

const cli = (args: readonly string[], env: Variables = {}): Running => launch(process.execPath, [main, ...args], env);
const run = (args: readonly string[], env: Variables = {}): Promise<Ended> => cli(args, env).ended;
/** The command on a terminal, whose one stream is what a person sees. */
const runOnTerminal = (args: readonly string[], env: Variables): Promise<Ended> => {
  const pty = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
  return launch('python3', ['-c', pty, process.execPath, main, ...args], { TERM: 'xterm', ...env }).ended;
};

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const gone = (pids: Iterable<number>): Promise<void> => vi.waitFor(() => expect([...pids].filter(lives)).toEqual([]), { timeout: 20_000 });
const oneDocument = <T>({ code, stdout, stderr }: Ended): T => {
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^\{.*\}\n$/);
  return JSON.parse(stdout) as T;
};

async function serveHttp(listener: RequestListener): Promise<{ url: string; port: number; close: () => void }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, port, close };
}

let t: TestMesh;
let folder: string;
/** Variables that lead a command to the mesh. */
let here: Variables;
/** Variables that lead to nobody: free ports and an empty data folder. */
let nowhere: Variables;

const variables = (httpPort: number, grpcPort: number, dataDir: string): Variables => ({
  REPLYMESH_HTTP_PORT: String(httpPort),
  REPLYMESH_GRPC_PORT: String(grpcPort),
  REPLYMESH_DATA_DIR: dataDir,
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replymesh-cli-'));
  t = await startTestMesh({ env: FRUGAL });
  expect(t.mesh.withoutHttp, 'the commands are tested with the real Envoy').toBeUndefined();
  here = variables(Number(new URL(t.mesh.httpUrl!).port), t.mesh.grpcPort, t.dataDir);
  nowhere = variables(await freePort(), await freePort(), join(folder, 'nowhere'));
});
afterAll(async () => {
  for (const child of left) child.kill('SIGTERM');
  await Promise.all([t?.stop(), ...[...left].map((child) => once(child, 'close'))]);
  await rm(folder, { recursive: true, force: true });
});

describe.concurrent('ask', () => {
  it('shows a person the decision with its reply, over REST', async () => {
    const { code, stdout, stderr } = await run(['ask', question], here);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^(AUTO|DRAFT|ESCALATE) {2}/);
    expect(stdout).toMatch(/track_refund +█+·* +\d+\.\d %/);
    expect(stdout).toMatch(/\n {2}\[[a-z-]+\] /);
    expect(stdout).toMatch(/\nqry_\S+\n$/);
  });

  it('prints one JSON document and nothing else with --json, streamed or not', async () => {
    const [plain, streamed] = await Promise.all([
      run(['ask', question, '--json'], here),
      run(['ask', question, '--json', '--stream'], here),
    ]);
    expect(oneDocument<Decision>(plain).intents[0]?.label).toBe('track_refund');
    expect(oneDocument<Decision>(streamed).intents[0]?.label).toBe('track_refund');
  });

  it('prints the reply once when it is streamed, and the decision after it', async () => {
    const { code, stdout } = await run(['ask', question, '--stream'], here);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\w[\s\S]*payment method[\s\S]*\n\n(AUTO|DRAFT|ESCALATE) {2}/);
    expect(stdout.split('payment method').length).toBe(2);
  });

  it('prints a sentence as soon as it comes, not when all is over', async () => {
    let finish = (): void => {};
    const server = await serveHttp((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"sentence":{"text":"First sentence."}}\n\n');
      finish = () => response.end('data: {"decision":{"id":"qry_1","action":"ACTION_DRAFT"}}\n\n');
    });
    const asking = cli(['ask', question, '--stream', '--url', server.url], nowhere);
    await vi.waitFor(() => expect(asking.said.stdout).toBe('First sentence.'), { timeout: 20_000 });
    finish();
    expect(await asking.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^First sentence\.\n\nDRAFT/) });
    server.close();
  });

  it.each([[[]], [['--stream']]])('asks the gateway over gRPC where there is no Envoy, and says so %s', async (more) => {
    const { code, stdout, stderr } = await run(['ask', question, '--json', ...more], {
      ...here,
      REPLYMESH_HTTP_PORT: nowhere['REPLYMESH_HTTP_PORT']!,
    });
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as Decision).intents[0]?.label).toBe('track_refund');
    expect(stderr).toBe(
      `Nothing answers at http://127.0.0.1:${nowhere['REPLYMESH_HTTP_PORT']}: asking over gRPC at 127.0.0.1:${t.mesh.grpcPort}.\n`,
    );
  });

  it('hands on customer, session and request id, so that a repeated request gets the first answer', async () => {
    const args = ['ask', question, '--json', '--customer', 'cus_ada', '--session', 's-1', '--request-id', 'cli-1'];
    const { id } = oneDocument<Decision>(await run(args, here));
    expect(oneDocument<Decision>(await run(args, here)).id).toBe(id);
    const { query } = await t.queries.getQuery({ id });
    expect(query).toMatchObject({ customerId: 'cus_ada', sessionId: 's-1' });
  });

  it('names the label spaces there are when it is asked for another one', async () => {
    const { code, stdout, stderr } = await run(['ask', question, '--space', 'weather'], here);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/"weather".*support/);
  });

  it('says which rule a message breaks', async () => {
    const { code, stderr } = await run(['ask', 'a'.repeat(20_000)], here);
    expect(code).toBe(1);
    expect(stderr).toMatch(/\n {2}text: /);
  });

  it('says how to start a mesh when none answers', async () => {
    const [local, elsewhere] = await Promise.all([
      run(['ask', question, '--json'], nowhere),
      run(['ask', question, '--url', `http://127.0.0.1:${nowhere['REPLYMESH_HTTP_PORT']}/`], nowhere),
    ]);
    for (const { code, stdout, stderr } of [local, elsewhere]) {
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/No mesh answers at \S+\. Start one with "npm start"\.\n$/);
    }
  });

  it('tells a token of another data folder from a mesh that is broken', async () => {
    const { code, stderr } = await run(['ask', question], { ...here, REPLYMESH_DATA_DIR: nowhere['REPLYMESH_DATA_DIR']! });
    expect(code).toBe(1);
    expect(stderr).toContain('The mesh may run with another REPLYMESH_DATA_DIR');
    const own = await t.mesh.keys.sign({ subject: 'test', tenant: 'demo', scopes: ['queries.write'], ttlSeconds: 60 });
    oneDocument(await run(['ask', question, '--json', '--url', t.mesh.httpUrl!], { ...nowhere, REPLYMESH_TOKEN: own }));
  });

  it.each<[string, string[], RequestListener]>([
    ['a page', ['--stream'], (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Hello</p>')],
    ['JSON of its own', [], (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}')],
    ['an error of its own', [], (_, response) => void response.writeHead(404).end('not found')],
  ])('says that it is not Replymesh which answers with %s', async (_, more, listener) => {
    const server = await serveHttp(listener);
    const { code, stdout, stderr } = await run(['ask', question, '--url', server.url, ...more], nowhere);
    server.close();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^What answers at \S+ is not Replymesh \(HTTP \d+\)\. Set REPLYMESH_HTTP_PORT or --url\.\n$/);
  });

  it('says how to get the rest when the connection breaks inside of an answer', async () => {
    const server = await serveHttp((request, response) => {
      const streaming = request.url?.endsWith(':stream');
      response.writeHead(200, { 'content-type': streaming ? 'text/event-stream' : 'application/json' });
      response.write(streaming ? 'data: {"sentence":{"text":"Hello"}}\n\n' : '{"decision":', () => response.destroy());
    });
    for (const more of [[], ['--stream']]) {
      const { code, stderr } = await run(['ask', question, '--url', server.url, ...more], nowhere);
      expect([code, stderr]).toEqual([1, 'The answer was cut before its end. Ask again; with --request-id the first answer comes back.\n']);
    }
    server.close();
  });

  it('has colours on a terminal, unless NO_COLOR is set', async () => {
    const [bright, plain] = await Promise.all([
      runOnTerminal(['ask', question], here),
      runOnTerminal(['ask', question], { ...here, NO_COLOR: '1' }),
    ]);
    expect([bright.code, plain.code]).toEqual([0, 0]);
    expect(bright.stdout).toContain(`${ESC}[`);
    expect(plain.stdout).toContain('track_refund');
    expect(plain.stdout).not.toContain(ESC);
  });
});

describe.concurrent('a command that is used in a wrong way ends with 2 and prints no data', () => {
  it.each([
    ['no command', []],
    ['an unknown command', ['answer']],
    ['a message without quotes', ['ask', 'where', 'is', 'my', 'refund']],
    ['a URL that is none', ['ask', question, '--url', 'localhost']],
    ['an empty list of scopes', ['token', '--scopes', ',']],
    ['an unknown scope', ['token', '--scopes', 'queries.read,everything']],
    ['a life longer than 30 days', ['token', '--scopes', 'queries.read', '--ttl', '2592001']],
    ['an argument to start', ['start', 'now']],
  ])('%s', async (_, args) => {
    const { code, stdout, stderr } = await run(args, nowhere);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).not.toBe('');
    expect(stderr).not.toContain('    at ');
  });
});

describe('help', () => {
  it('is data that was asked for', async () => {
    const names = ['ask', 'doctor', 'evaluate', 'start', 'token'];
    const [all, ...each] = await Promise.all([run(['--help']), ...names.map((name) => run([name, '--help']))]);
    for (const { code, stderr } of [all!, ...each]) expect([code, stderr]).toEqual([0, '']);
    for (const [i, name] of names.entries()) {
      expect(all!.stdout).toContain(`\n  ${name} `);
      expect(each[i]!.stdout).toMatch(new RegExp(`^Usage: npm run -s replymesh -- ${name} `));
      expect(each[i]!.stdout).toMatch(new RegExp(`\nExamples?:\n  npm run -s replymesh -- ${name}`));
    }
  });
});

describe.concurrent('configuration that does not hold ends with 78', () => {
  const wrong = { REPLYMESH_HTTP_PORT: '0', REPLYMESH_GRPC_PORT: 'many' };
  it.each([['doctor'], ['start']])('and all its mistakes at once: %s', async (...args) => {
    const { code, stdout, stderr } = await run(args, { ...nowhere, ...wrong });
    expect([code, stdout]).toEqual([78, '']);
    expect(stderr).toBe(
      '2 mistakes: REPLYMESH_HTTP_PORT must be an integer from 1 to 65535, it is "0". REPLYMESH_GRPC_PORT must be an integer from 1 to 65535, it is "many".\n',
    );
  });

  it('and the port that is wanted twice: start', async () => {
    const { code, stdout, stderr } = await run(['start'], { ...nowhere, REPLYMESH_GRPC_PORT: nowhere['REPLYMESH_HTTP_PORT']! });
    expect([code, stdout]).toEqual([78, '']);
    expect(stderr).toMatch(/^REPLYMESH_HTTP_PORT and REPLYMESH_GRPC_PORT are both \d+: set one of them to another port\.\n$/);
  });

  it('and the log level that is none: start', async () => {
    const { code, stderr } = await run(['start'], { ...nowhere, REPLYMESH_LOG_LEVEL: 'loud' });
    expect([code, stderr]).toEqual([78, expect.stringContaining('REPLYMESH_LOG_LEVEL must be one of "trace", "debug", "info"')]);
  });

  it.each([['token', '--scopes', 'queries.read'], ['start']])('and the folder that cannot be written: %s', async (...args) => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    const { code, stdout, stderr } = await run(args, { ...nowhere, REPLYMESH_DATA_DIR: join(file, 'data') });
    expect([code, stdout]).toEqual([78, '']);
    expect(stderr).toMatch(/a-file.*Set REPLYMESH_DATA_DIR to/);
    expect(stderr).not.toContain('    at ');
  });
});

describe.concurrent('token', () => {
  it('opens what its scopes say and nothing else', async () => {
    const { code, stdout, stderr } = await run(
      ['token', '--scopes', ' queries.read ,knowledge.read', '--ttl', '120', '--subject', 'ada'],
      here,
    );
    expect([code, stderr]).toEqual([0, '']);
    const token = stdout.trimEnd();
    expect(stdout).toBe(`${token}\n`);
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ sub: 'ada', tenant: 'demo', scope: 'queries.read knowledge.read' });
    expect(claims.exp! - claims.iat!).toBe(120);
    const list = await fetch(`${t.mesh.httpUrl}/v1/queries`, { headers: { authorization: `Bearer ${token}` } });
    expect(list.status).toBe(200);
    const refused = await run(['ask', question], { ...here, REPLYMESH_TOKEN: token });
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toContain('does not hold the scope "queries.write"');
  });

  it('sees only what belongs to its tenant', async () => {
    const { id } = oneDocument<Decision>(await run(['ask', question, '--json'], here));
    const { stdout } = await run(['token', '--scopes', 'queries.read', '--tenant', 'other'], here);
    const found = await fetch(`${t.mesh.httpUrl}/v1/queries/${id}`, { headers: { authorization: `Bearer ${stdout.trimEnd()}` } });
    expect(found.status).toBe(404);
  });
});

describe.concurrent('evaluate', () => {
  const KEYS = ['n', 'accuracy', 'macro_f1', 'nll', 'ece', 'auroc_misclassification', 'auroc_out_of_scope', 'queries_per_second'];
  let files = 0;
  const written = async (csv: string): Promise<string> => {
    const file = join(folder, `rows-${files++}.csv`);
    await writeFile(file, csv);
    return file;
  };
  /** With the models of the mesh, which are warm. */
  const served = (): string[] => ['--address', `127.0.0.1:${t.mesh.ports.inference}`];
  const evaluate = async (csv: string, ...more: string[]): Promise<Ended> =>
    run(['evaluate', '--data', await written(csv), '--space', 'support', ...served(), ...more], nowhere);

  const ROWS = [
    'label,text',
    'track_refund,"Where is my refund?\nI sent ""everything"", twice."',
    'cancel_order,I want to cancel my order',
    'recover_password,"I forgot my password, please help"',
    'delete_account,Where is my refund?',
    'out_of_scope,Which planet has the most moons?',
    '',
  ].join('\n');

  it('measures labelled rows, quoted ones and those out of scope', async () => {
    const figures = oneDocument<Record<string, number>>(await evaluate(ROWS, '--json'));
    expect(Object.keys(figures)).toEqual(KEYS);
    // One of four is labelled wrong on purpose, and no prediction is as sure of it.
    expect(figures).toMatchObject({ n: 4, accuracy: 0.75, auroc_out_of_scope: 1 });
    expect(figures['macro_f1']).toBeCloseTo((2 / 3 + 1 + 1 + 0) / 4);
    expect(figures['nll']).toBeGreaterThan(1);
    expect(figures['ece']).toBeGreaterThan(0.1);
    expect(figures['queries_per_second']).toBeGreaterThan(0);
  });

  it('takes rows out of scope from a second file, and says null where there is nothing to measure', async () => {
    const outside = await written('text,label\nWho wrote Hamlet?,literature\n');
    const figures = oneDocument<Record<string, number>>(
      await evaluate('text,label\nCancel my order,cancel_order\n', '--json', '--out-of-scope', outside),
    );
    expect(figures).toMatchObject({ n: 1, accuracy: 1, auroc_misclassification: null, auroc_out_of_scope: 1 });
  });

  it('explains every figure to a person, and counts only as many rows as asked', async () => {
    const { code, stdout, stderr } = await evaluate(ROWS, '--limit', '2');
    expect([code, stderr]).toEqual([0, '']);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(KEYS);
    expect(stdout).toMatch(/^n +2 +rows with a label of the space\naccuracy +1\.0000 /);
  });

  it('shows how far it is on a terminal, and leaves the figures there', async () => {
    const { code, stdout } = await runOnTerminal(['evaluate', '--data', await written(ROWS), ...served(), '--json'], nowhere);
    expect(code).toBe(0);
    expect(stdout).toMatch(/5\/5/);
    expect(stdout).toContain('"accuracy":0.75');
  });

  it.each([
    [
      'labels that the space does not know',
      `text,label\nhello,greeting${ESC}[2J\n"two\nlines",cancel_order\nbye,farewell\n`,
      ':2: "greeting [2J"\n',
      ':5: "farewell"\n',
    ],
    ['a quote that is never closed', 'text,label\nhello,cancel_order\n"bye,cancel_order\nmore,a\n', ':3: this row cannot be read as CSV'],
    [
      'a missing column',
      'text,intent\nhello,cancel_order\n',
      ':1: the header must have the columns text and label once each; label has not.',
    ],
    ['a text that is too long', `text,label\nhello,cancel_order\n${'a'.repeat(40_001)},cancel_order\n`, ':3: '],
  ])('refuses %s, with the file and the line', async (_, csv, ...parts) => {
    const file = await written(csv);
    const { code, stdout, stderr } = await run(['evaluate', '--data', file, ...served(), '--json'], nowhere);
    expect([code, stdout]).toEqual([1, '']);
    for (const part of parts) expect(stderr).toContain(`${file}${part}`);
    expect(stderr).not.toContain(ESC);
    expect(stderr).not.toContain('    at ');
  });

  it('names the label spaces there are, and the service that does not answer', async () => {
    const wrongSpace = await evaluate(ROWS, '--space', 'weather');
    expect([wrongSpace.code, wrongSpace.stdout]).toEqual([1, '']);
    expect(wrongSpace.stderr).toMatch(/^Label space "weather" is not in this bundle\. Use one of: .*support/);
    const address = `127.0.0.1:${nowhere['REPLYMESH_GRPC_PORT']}`;
    const nobody = await evaluate(ROWS, '--address', address);
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toMatch(new RegExp(`^The inference service at ${address} does not answer`));
  });

  it('starts the models itself where none are named, and ends them', async () => {
    const running = cli(['evaluate', '--data', await written(ROWS), '--json'], nowhere);
    const children = followed(running);
    const { code, stdout, stderr } = await running.ended;
    expect([code, stderr]).toEqual([0, 'Starting the inference service …\n']);
    expect(JSON.parse(stdout)).toMatchObject({ n: 4, accuracy: 0.75 });
    expect(children.size).toBe(1);
    await gone(children);
  });

  it('leaves no process behind after Ctrl-C', async () => {
    const running = cli(['evaluate', '--data', await written(ROWS)], nowhere);
    const children = await untilChildren(running, 1);
    running.process.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    await gone(children);
  });
});

describe('doctor', () => {
  interface Report {
    ok: boolean;
    findings: { check: string; ok: boolean; detail: string; cure?: string }[];
  }
  const report = ({ stdout }: Ended): Report => JSON.parse(stdout) as Report;

  it('finds all well beside a running mesh and where none runs', async () => {
    const [beside, alone] = await Promise.all([run(['doctor', '--json'], here), run(['doctor'], nowhere)]);
    expect([beside.code, alone.code]).toEqual([0, 0]);
    const { ok, findings } = report(beside);
    expect(ok).toBe(true);
    const details = Object.fromEntries(findings.map((finding) => [finding.check, finding.detail]));
    expect(details['http port']).toBe(`a mesh answers on ${here['REPLYMESH_HTTP_PORT']}`);
    expect(details['grpc port']).toBe(`a mesh answers on ${here['REPLYMESH_GRPC_PORT']}`);
    const lines = alone.stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.slice(0, 4))).toEqual(findings.map(() => 'ok  '));
    expect(lines).toContain(`ok  http port       ${nowhere['REPLYMESH_HTTP_PORT']} is free`);
  });

  it('finds a policy that has a mode for an intent that there is not', async () => {
    const file = join(folder, 'misspelt.json');
    const policy = await readFile(new URL('services/gateway/policy.json', packageRoot), 'utf8');
    await writeFile(file, policy.replace('"complaint"', '"complaynt"'));
    const { ok, findings } = report(await run(['doctor', '--json'], { ...nowhere, REPLYMESH_POLICY_FILE: file }));
    expect(ok).toBe(false);
    expect(findings.filter((one) => !one.ok)).toMatchObject([{ check: 'policy', detail: expect.stringMatching(/here knows: complaynt$/) }]);
  });

  it('names everything that is missing with its cure, and no secret', async () => {
    const taken = createTcpServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const broken = {
      PATH: folder,
      ENVOY_BIN: join(folder, 'envoy'),
      REPLYMESH_HTTP_PORT: String(port),
      REPLYMESH_GRPC_PORT: String(port),
      REPLYMESH_DATA_DIR: t.dataDir,
      REPLYMESH_BUNDLE_DIR: folder,
      DATABASE_URL: 'postgres://ada:hunter2@127.0.0.1:1/test',
      REDIS_URL: 'redis://:hunter2@127.0.0.1:1',
      REPLYMESH_LLM_BASE_URL: 'http://ada:hunter2@127.0.0.1:1/v1',
      REPLYMESH_LLM_API_KEY: 'hunter2',
    };
    const ended = await run(['doctor', '--json'], broken);
    taken.close();
    expect(ended.code).toBe(1);
    const { ok, findings } = report(ended);
    expect(ok).toBe(false);
    const cures = Object.fromEntries(findings.filter((f) => !f.ok).map((f) => [f.check, f.cure]));
    expect(cures).toEqual({
      python: expect.stringContaining('Install Python'),
      bundle: expect.stringContaining('REPLYMESH_BUNDLE_DIR'),
      envoy: expect.stringContaining('ENVOY_BIN'),
      'http port': expect.stringContaining('REPLYMESH_HTTP_PORT'),
      'grpc port': expect.stringContaining('REPLYMESH_GRPC_PORT'),
      'data folder': expect.stringContaining('REPLYMESH_DATA_DIR'),
      database: expect.stringContaining('DATABASE_URL'),
      cache: expect.stringContaining('REDIS_URL'),
      'language model': expect.stringContaining('REPLYMESH_LLM_BASE_URL'),
    });
    expect(ended.stdout + ended.stderr).not.toContain('hunter2');
  });
});

describe('start', () => {
  let mesh: Running;
  let children: readonly number[];
  let there: Variables;
  beforeAll(async () => {
    there = variables(await freePort(), await freePort(), join(folder, 'second'));
    // Without articles, which would all be read by the models first.
    mesh = cli(['start'], { ...there, REPLYMESH_SEED: 'off' });
    await vi.waitFor(() => expect(mesh.said.stdout).toContain('npx buf curl'), { timeout: 90_000 });
    children = await untilChildren(mesh, 5);
  });
  const pasted = (start: string): string => mesh.said.stdout.split('\n').find((line) => line.trim().startsWith(start))!;
  const paste = async (line: string): Promise<{ decision: Decision }> => {
    const { code, stdout, stderr } = await launch('bash', ['-c', line], {}).ended;
    expect([code, stderr]).toEqual([0, '']);
    return JSON.parse(stdout) as { decision: Decision };
  };

  it('prints lines that work when they are pasted into a shell', async () => {
    const answers = [await paste(pasted('curl')), await paste(pasted('npx buf curl'))];
    expect(answers.map(({ decision }) => decision.intents[0]?.label)).toEqual(['track_refund', 'track_refund']);
    expect(mesh.said.stderr).toBe('Starting context, inference, generator, gateway and Envoy …\n');
  });

  it('runs beside another instance, each with its own records and keys', async () => {
    const { id } = oneDocument<Decision>(await run(['ask', question, '--json'], there));
    const error = await t.queries.getQuery({ id }).catch((e: unknown) => e as ClientError);
    expect((error as ClientError).code).toBe(Status.NOT_FOUND);
    const foreign = await run(['ask', question, '--json'], { ...there, REPLYMESH_TOKEN: t.token });
    expect([foreign.code, foreign.stdout]).toEqual([1, '']);
  });

  it.each<[string, () => Promise<Variables>, RegExp]>([
    ['port', async () => ({ ...nowhere, REPLYMESH_HTTP_PORT: there['REPLYMESH_HTTP_PORT']! }), /^Port \d+ .*set REPLYMESH_HTTP_PORT/m],
    ['gRPC port', async () => ({ ...nowhere, REPLYMESH_GRPC_PORT: there['REPLYMESH_GRPC_PORT']! }), /^Port \d+ .*set REPLYMESH_GRPC_PORT/m],
    [
      'data folder',
      async () => variables(await freePort(), await freePort(), there['REPLYMESH_DATA_DIR']!),
      /in use by process \d+.*REPLYMESH_DATA_DIR/,
    ],
  ])('is refused on a %s in use, leaves nothing running and disturbs nobody', async (_, env, message) => {
    const second = cli(['start'], await env());
    const own = followed(second);
    const { code, stdout, stderr } = await second.ended;
    expect([code, stdout]).toEqual([78, '']);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/\nNothing was left running\.\n$/);
    expect([...own].filter(lives)).toEqual([]);
    expect(children.filter(lives)).toHaveLength(5);
    expect((await fetch(`http://127.0.0.1:${there['REPLYMESH_HTTP_PORT']}/healthz`)).status).toBe(200);
  });

  it('lets nobody else read what it keeps', async () => {
    const dataDir = there['REPLYMESH_DATA_DIR']!;
    const modeOf = async (name: string): Promise<number> => (await stat(join(dataDir, name))).mode & 0o777;
    expect(await Promise.all(['', 'context', 'spool', 'keys'].map(modeOf))).toEqual([0o700, 0o700, 0o700, 0o700]);
    expect(await Promise.all(['keys/private.jwk.json', 'keys/content.key', 'mesh.log'].map(modeOf))).toEqual([0o600, 0o600, 0o600]);
  });

  it('says when a service has died, and starts it again', async () => {
    const [victim] = (await execute('pgrep', ['-P', String(mesh.process.pid), '-f', 'services/generator'])).stdout.split('\n').map(Number);
    process.kill(victim!, 'SIGKILL');
    const told = new RegExp(`\ngenerator \\(process ${victim}\\) was killed by SIGKILL\\. It was started again as process (\\d+)\\.\n$`);
    await vi.waitFor(() => expect(mesh.said.stderr).toMatch(told), { timeout: 20_000 });
    children = await untilChildren(mesh, 5);
    expect(children).toContain(Number(told.exec(mesh.said.stderr)![1]));
  });

  it('leaves no orphans when it is killed itself', async () => {
    expect(children.filter(lives)).toHaveLength(5);
    mesh.process.kill('SIGKILL');
    await mesh.ended;
    await gone(children);
  });

  it('ends them when its terminal is closed, even before it is ready, and waits for nobody', async () => {
    const timesReady = async (): Promise<number> =>
      (await readFile(join(there['REPLYMESH_DATA_DIR']!, 'mesh.log'), 'utf8')).match(/^inference .*"msg":"ready"/gm)?.length ?? 0;
    const before = await timesReady();
    expect(before).toBeGreaterThan(0);
    const early = cli(['start'], there);
    const own = await untilChildren(early, 4);
    early.process.kill('SIGHUP');
    const { code, stdout } = await early.ended;
    expect([code, stdout]).toEqual([0, '']);
    expect(own.filter(lives)).toEqual([]);
    expect(await timesReady()).toBe(before);
  });

  it('takes what it started with it, even when it ends without having stopped it', async () => {
    const stubborn = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)';
    const program = `{ name: 'stubborn', command: process.execPath, args: ['-e', '${stubborn}'], env: {}, isReady: async () => true }`;
    const script = `import { supervise } from '${join(root, 'dist', 'mesh', 'supervised.js')}';
      console.log((await supervise(${program}, () => {})).pid()); process.exit(3);`;
    const { code, stdout } = await launch(process.execPath, ['--input-type=module', '-e', script], {}).ended;
    expect(code).toBe(3);
    await gone([Number(stdout)]);
  });
});

describe('Ctrl-C', () => {
  it('lets callers have the answers that are in flight over REST, refuses new ones in a typed way, then ends every process', async () => {
    const llm = await startLlmServer();
    llm.always({ chunks: Array.from({ length: 30 }, (_, i) => `word${i} `), chunkDelayMs: 100 });
    const there = variables(await freePort(), await freePort(), join(folder, 'third'));
    const model = { REPLYMESH_LLM_BASE_URL: llm.baseUrl, REPLYMESH_LLM_MODEL: 'slow', REPLYMESH_DRAIN_MS: '10000' };
    const mesh = cli(['start'], { ...there, ...model });
    await vi.waitFor(() => expect(mesh.said.stdout).toContain('npx buf curl'), { timeout: 90_000 });
    const children = await untilChildren(mesh, 5);
    const edge = `http://127.0.0.1:${there['REPLYMESH_HTTP_PORT']}`;
    const url = ['--url', edge];
    const own = (await run(['token', '--scopes', 'queries.read'], there)).stdout.trimEnd();
    const asking = [run(['ask', question, '--json', ...url], there), run(['ask', question, '--json', '--stream', ...url], there)];
    await vi.waitFor(() => expect(llm.requests).toHaveLength(2), { timeout: 30_000, interval: 20 });
    mesh.process.kill('SIGINT');
    await vi.waitFor(
      async () => {
        const late = await fetch(`${edge}/v1/queries`, { headers: { authorization: `Bearer ${own}` } });
        expect([late.status, await late.json()]).toMatchObject([503, { code: Status.UNAVAILABLE, details: [{ domain: 'replymesh' }] }]);
      },
      { timeout: 20_000, interval: 20 },
    );
    for (const answer of await Promise.all(asking)) expect(oneDocument<Decision>(answer).intents[0]?.label).toBe('track_refund');
    const { code, stderr } = await mesh.ended;
    expect([code, stderr]).toEqual([0, expect.stringMatching(/\nStopping …\n$/)]);
    expect(children.filter(lives)).toEqual([]);
    await expect(readFile(join(there['REPLYMESH_DATA_DIR']!, 'context.lock'))).rejects.toThrow('ENOENT');
    await llm.close();
  }, 180_000);
});
