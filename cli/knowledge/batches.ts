import { Article } from '../../gen/replymesh/type/v1/knowledge.js';

/** Small enough that a call is done long before its deadline on a busy machine (one that is repeated finds unchanged what it added), and far below what a message may hold. */
const MAX_ARTICLES = 20;
const MAX_BYTES = 1_000_000;

/** Articles of one call each, in their order. */
export function batchesOf(articles: readonly Article[]): Article[][] {
  const batches: Article[][] = [];
  let bytes = 0;
  for (const article of articles) {
    const own = Article.encode(article).finish().length;
    const last = batches.at(-1);
    if (last && last.length < MAX_ARTICLES && bytes + own <= MAX_BYTES) {
      last.push(article);
      bytes += own;
    } else {
      batches.push([article]);
      bytes = own;
    }
  }
  return batches;
}
