import pMap from 'p-map';
import { CALL_MS, type InferenceClient } from '../cli/predictAll.js';
import { background } from '../lib/call.js';
import { type Masked, mask, maskNames } from '../services/gateway/mask.js';

const CONCURRENCY = 16;
/** Texts as the gateway keeps them: numbers masked by their form, names where the models find them. */
export const maskAll = (client: InferenceClient, texts: readonly string[], signal: AbortSignal): Promise<Masked[]> =>
  pMap(
    texts,
    async (text) => {
      const byForm = mask(text.normalize('NFC').trim());
      const within = background({ tenant: 'bench', timeoutMs: CALL_MS, signal });
      return maskNames(byForm, (await client.predict({ text: byForm.text, findNames: true }, { within })).names);
    },
    { concurrency: CONCURRENCY },
  );
