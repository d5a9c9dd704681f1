import { fileURLToPath } from 'node:url';
import { type ConfigOf, declare, integer, path, secret, text, url } from '../../lib/config.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { serverSettings } from '../../lib/server.js';

/** What the generator reads from the environment. */
export const GeneratorConfig = declare({
  ...serverSettings('127.0.0.1:50054'),
  wordingFile: path({
    env: 'REPLYMESH_WORDING_FILE',
    default: fileURLToPath(new URL('services/generator/wording/en.json', packageRoot)),
    doc: 'File of approved wording.',
  }),
  llmBaseUrl: url({
    env: 'REPLYMESH_LLM_BASE_URL',
    protocols: ['http:', 'https:'],
    optional: true,
    doc: 'OpenAI-compatible endpoint, such as http://127.0.0.1:11434/v1. Without it every reply is approved wording.',
  }),
  llmModel: text({
    env: 'REPLYMESH_LLM_MODEL',
    optional: true,
    doc: 'Model as the endpoint names it. Needed with REPLYMESH_LLM_BASE_URL.',
  }),
  llmApiKey: secret({ env: 'REPLYMESH_LLM_API_KEY', optional: true, doc: 'Key of the endpoint, if it wants one.' }),
  llmIdleMs: integer({
    env: 'REPLYMESH_LLM_IDLE_MS',
    min: 10,
    max: 120_000,
    default: 5000,
    doc: 'Longest silence of the language model, before its first word and between words.',
  }),
  llmTotalMs: integer({
    env: 'REPLYMESH_LLM_TOTAL_MS',
    min: 10,
    max: 600_000,
    default: 20_000,
    doc: "Longest time for one reply of the language model; the caller's deadline may be shorter.",
  }),
  llmMaxTokens: integer({
    env: 'REPLYMESH_LLM_MAX_TOKENS',
    min: 16,
    max: 32_768,
    default: 600,
    doc: 'Most tokens that the language model may write for one reply.',
  }),
  llmMaxCalls: integer({
    env: 'REPLYMESH_LLM_MAX_CALLS',
    min: 1,
    max: 10_000,
    default: 16,
    doc: 'Most calls of the language model at once; further replies are approved wording.',
  }),
  llmMaxPassageChars: integer({
    env: 'REPLYMESH_LLM_MAX_PASSAGE_CHARS',
    min: 100,
    max: 1_000_000,
    default: 12_000,
    doc: 'Most characters of passages in one prompt.',
  }),
});
export type GeneratorConfig = ConfigOf<typeof GeneratorConfig>;
