import { text } from 'node:stream/consumers';
import { startInference } from '../cli/inferenceProcess.js';
import { CALL_MS } from '../cli/predictAll.js';
import { InferenceServiceDefinition } from '../gen/replymesh/inference/v1/inference_service.js';
import { connect } from '../lib/client.js';
import type { Environment } from '../lib/config.js';
import { maskAll } from './maskAll.js';

/** A JSON list of texts from standard input, masked as messages are, to standard output: training asks so what its rows look like as served. */
export async function maskInput(env: Environment, signal: AbortSignal): Promise<void> {
  const texts = JSON.parse(await text(process.stdin)) as string[];
  const server = await startInference(env, signal);
  const { client, close } = connect(InferenceServiceDefinition, { callee: 'inference', target: server.target, timeoutMs: CALL_MS });
  try {
    process.stdout.write(JSON.stringify((await maskAll(client, texts, signal)).map((masked) => masked.text)));
  } finally {
    await close();
    await server.stop();
  }
}
