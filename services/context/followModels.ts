import type { Closable } from '../../lib/shutdown.js';
import { type ModelChangesParts, startModelChanges } from './modelChanges.js';
import { type ShadowParts, startShadow } from './shadow.js';

/** What is written down of the models for as long as the process runs: changes of the champion, and what a challenger reads. */
export function followModels(parts: ModelChangesParts & ShadowParts): Closable {
  const followers = [startModelChanges(parts), startShadow(parts)];
  return {
    // They end together.
    closeMs: Math.max(0, ...followers.map(({ closeMs = 0 }) => closeMs)),
    close: async () => void (await Promise.all(followers.map((follower) => follower.close()))),
  };
}
