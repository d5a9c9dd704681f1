import { join } from 'node:path';
import { CommandFailed } from '../cli/failure.js';
import { runProgram, trainingPython } from '../cli/pythonEnvironment.js';
import { root, setVariables } from '../cli/settings.js';
import type { Environment } from '../lib/config.js';

/** The JSON document that a program of the training environment prints; the environment is made when it is not there. @throws CommandFailed */
export async function pythonJson<Document>(args: readonly string[], env: Environment, signal: AbortSignal): Promise<Document> {
  const variables = setVariables(env);
  const python = await trainingPython(variables, signal);
  let printed = '';
  const code = await runProgram(python, args, {
    signal,
    env: { ...variables, PYTHONPATH: join(root, 'training') },
    onStdout: (text) => {
      printed += text;
    },
  });
  if (code !== 0) throw new CommandFailed(`python ${args.join(' ')} failed with exit code ${code}; what went wrong is above.`);
  return JSON.parse(printed) as Document;
}
