import type { Within } from '../../lib/call.js';

/** The same call with a part of the time that is left, so that a service which hangs leaves the rest to those asked after it. */
export const share = (within: Within, part: number): Within => {
  const leftMs = Math.max(0, within.deadline.getTime() - Date.now());
  return { ...within, deadline: new Date(Date.now() + leftMs * part) };
};
