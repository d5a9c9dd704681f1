import { sql } from 'drizzle-orm';

/**
 * Which of a message's labels stands comes first in this order: that of a random review, else the newest.
 * Else everybody who complains would take a message out of the random sample.
 */
export const STANDS_FIRST = sql`drawn = 'random' desc, created_at desc, id desc`;
