import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandFailed } from './failure.js';
import { installSteps, runProgram } from './pythonEnvironment.js';
import { type TrainOptions, train, trainingArguments } from './train.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replymesh-train-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const signal = new AbortController().signal;
/** How the command ends before it makes any environment: without PATH there is no Python to make one with. */
const refusal = async (options: Partial<TrainOptions>): Promise<CommandFailed> => {
  const error: unknown = await train({ data: 'none.csv', space: 'theirs', ...options }, {}, signal).catch((caught) => caught);
  if (!(error instanceof CommandFailed)) throw new Error(`Not refused: ${String(error)}`);
  return error;
};

describe('replymesh train', () => {
  it.each(['Theirs', '-theirs', 'the irs', '../theirs', '', 'a'.repeat(64)])('refuses "%s" as the name of a space', async (space) => {
    const { message, exitCode } = await refusal({ space });
    expect([message, exitCode]).toEqual([expect.stringContaining('small letters, digits and "-"'), 2]);
  });

  it('does not let a team replace the space that every message is read in', async () => {
    expect((await refusal({ space: 'sentiment' })).exitCode).toBe(2);
  });

  it('names a file that is not there before it installs anything', async () => {
    expect((await refusal({ data: join(folder, 'gone.csv') })).message).toContain('gone.csv');
  });

  it('names the line of a bad row before it installs anything', async () => {
    const file = join(folder, 'bad.csv');
    await writeFile(file, 'text,label\nhello,greeting\n,greeting\n');
    expect((await refusal({ data: file })).message).toContain(`${file}:3`);
  });

  it('hands Python what was asked for, with paths that hold in any folder', () => {
    const asked = trainingArguments({ data: '/d/theirs.csv', space: 'theirs', out: '/d/out', held: '/d/held.csv', fineTune: true });
    expect(asked.join(' ')).toBe('space --data /d/theirs.csv --space theirs --out /d/out --held /d/held.csv --fine-tune');
  });

  it('installs torch as pinned before anything that could pull another build', () => {
    const [first, second] = installSteps('# note: torch\nnumpy==2.4.6\ntorch==2.13.0\n');
    expect(first?.at(-1)).toBe('torch==2.13.0');
    expect(second).toContain('--no-deps');
    expect(() => installSteps('numpy==2.4.6\n')).toThrow(CommandFailed);
  });

  it('ends with the exit code of the program that it runs', async () => {
    expect(await runProgram(process.execPath, ['-e', 'process.exit(7)'], { signal, env: {} })).toBe(7);
  });
});
