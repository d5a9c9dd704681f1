import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed } from './failure.js';
import { checkPython } from './machine.js';
import { cacheDir, root } from './settings.js';

const LOCK = join(root, 'training', 'requirements.lock');
const FOLDER = join(cacheDir, 'venv-training');
/** Written last: an environment without it, or with another lock in it, is made anew. */
const INSTALLED = join(FOLDER, 'installed.lock');

/** Runs a program with its talk on our stderr. @returns its exit code, 1 when a signal ended it @throws AbortError when interrupted */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: { readonly signal: AbortSignal; readonly env: NodeJS.ProcessEnv; readonly onStdout?: (text: string) => void },
): Promise<number> {
  const { signal, env, onStdout } = options;
  const child = spawn(command, args, { signal, env, stdio: ['ignore', onStdout ? 'pipe' : 2, 2] });
  child.stdout?.setEncoding('utf8').on('data', (text: string) => onStdout?.(text));
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}

/** What pip is to install, in this order: torch as pinned, since anything looser pulls gigabytes of CUDA, then the whole lock and nothing beside it. */
export function installSteps(lock: string): string[][] {
  const torch = /^torch==\S+$/m.exec(lock)?.[0];
  if (torch === undefined) throw new CommandFailed(`${LOCK} pins no torch. Check it out again.`);
  return [
    ['install', '--disable-pip-version-check', torch],
    // The lock is complete. Without --no-deps, the encoder's package would draw in what only its own loader needs.
    ['install', '--disable-pip-version-check', '--no-deps', '-r', LOCK],
  ];
}

/** The Python of the training environment in the project's cache; made on first use, and again when the lock changes. @throws CommandFailed */
export async function trainingPython(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  const python = join(FOLDER, 'bin', 'python');
  const lock = await readFile(LOCK, 'utf8');
  if ((await readFile(INSTALLED, 'utf8').catch(() => '')) === lock) return python;
  const found = await checkPython();
  if (!found.ok) throw new CommandFailed(`python: ${found.detail}. ${found.cure}`);
  process.stderr.write(`Making a Python environment in ${FOLDER}; once, about 1 GB and some minutes …\n`);
  const must = async (what: string, command: string, args: readonly string[]): Promise<void> => {
    process.stderr.write(`${what} …\n`);
    if ((await runProgram(command, args, { signal, env })) === 0) return;
    throw new CommandFailed(`${what} failed; what went wrong is above. Run the command again: it starts where pip's cache ends.`);
  };
  await must('Making the environment', 'python3', ['-m', 'venv', '--clear', FOLDER]);
  const [torch, all] = installSteps(lock) as [string[], string[]];
  await must('Installing torch', python, ['-m', 'pip', ...torch]);
  await must('Installing the locked packages', python, ['-m', 'pip', ...all]);
  await writeFile(INSTALLED, lock);
  return python;
}
