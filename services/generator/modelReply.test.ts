import { describe, expect, it } from 'vitest';
import { Passage } from '../../gen/replymesh/type/v1/knowledge.js';
import type { Gate } from './gate.js';
import type { LlmEvent } from './llm.js';
import { type ModelReply, modelReply } from './modelReply.js';

const lenient: Gate = () => ({ supported: true, passages: [], courtesy: false });

const textOf = async function* (text: string): AsyncGenerator<LlmEvent> {
  yield { type: 'TEXT', text };
  yield { type: 'END', finish: 'stop', usage: { model: 'm', promptTokens: 1, completionTokens: 1 } };
};

describe('the sentences of a language model', () => {
  it('cite what the gate found, not what the model names', async () => {
    const passages = ['a', 'b'].map((articleId) => Passage.fromPartial({ articleId, id: `${articleId}#0` }));
    const second: Gate = () => ({ supported: true, passages: [1], courtesy: false });
    const end = async (gate: Gate) => {
      const reply = modelReply(textOf('It is known [1].'), gate, { passages, kept: new Map() });
      expect((await reply.next()).value).toBe('It is known.');
      return ((await reply.next()).value as ModelReply).citations.map((one) => one.articleId);
    };
    expect(await end(second)).toEqual(['b']);
    expect(await end(lenient)).toEqual([]);
  });

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
    const reply = modelReply(endless(), lenient, { passages: [], kept: new Map() });
    expect(await reply.next()).toEqual({ done: false, value: 'One is whole. ' });
    expect(await reply.next()).toMatchObject({ done: true, value: { spoke: true, complete: false } });
    expect(left).toBe(true);
  });
});
