import type { Article } from '../../gen/replymesh/type/v1/knowledge.js';

/** What was found where articles come from. */
export interface Found {
  /** Ids that were read. */
  readonly ids: ReadonlySet<string>;
  /** Sources that were not read whole: what came from them may still be in them. */
  readonly unread: ReadonlySet<string>;
}

/** Whether a stored article is no longer where it came from. */
export const isGone = ({ id, source }: Pick<Article, 'id' | 'source'>, { ids, unread }: Found): boolean =>
  !ids.has(id) && !unread.has(source);
