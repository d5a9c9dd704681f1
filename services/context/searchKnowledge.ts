import type { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import type { Handler } from '../../lib/server.js';
import { searchPassages } from './passageSearch.js';
import type { Store } from './store.js';
import type { CountedWords } from './wordCounts.js';

export const DEFAULT_PASSAGES = 5;

export const searchKnowledge =
  ({
    store,
    wordCounts,
    now,
  }: {
    store: Store;
    wordCounts: CountedWords;
    now: () => Date;
  }): Handler<ContextServiceDefinition, 'searchKnowledge'> =>
  async (request, call) => {
    const search = { ...request, limit: request.limit || DEFAULT_PASSAGES, wordCounts: wordCounts.of(call.principal.tenant), now: now() };
    return { passages: await store.within(call, (tx) => searchPassages(tx, store.vectors, search)) };
  };
