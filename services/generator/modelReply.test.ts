import { describe, expect, it } from 'vitest';
import type { Gate } from './gate.js';
import type { LlmEvent } from './llm.js';
import { modelReply } from './modelReply.js';

const lenient: Gate = () => ({ supported: true, passages: [], courtesy: false });

describe('the sentences of a language model', () => {
  it('end when the model runs on without ending one, instead of being read again with every word', async () => {
    let left = false;
    async function* endless(): AsyncGenerator<LlmEvent> {
      try {
        yield { type: 'TEXT', text: 'One is whole. ' };
        for (;;) yield { type: 'TEXT', text: 'And so on ' };
      } finally {
        left = true;
      }
    }
    const reply = modelReply(endless(), lenient, []);
    expect(await reply.next()).toEqual({ done: false, value: 'One is whole. ' });
    expect(await reply.next()).toMatchObject({ done: true, value: { spoke: true, complete: false } });
    expect(left).toBe(true);
  });
});
