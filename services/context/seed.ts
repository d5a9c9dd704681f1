import { readdirSync, readFileSync } from 'node:fs';
import { sql } from 'drizzle-orm';
import { parse } from 'yaml';
import { CustomerTier, FactType, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import { Article, Audience } from '../../gen/replymesh/type/v1/knowledge.js';
import { background } from '../../lib/call.js';
import { log } from '../../lib/log.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { contentOf, insertArticle, requireValid } from './article.js';
import type { ContentKeys } from './contentKeys.js';
import { sealSummary } from './interactionRow.js';
import { sealProfile } from './sealedProfile.js';
import { hexOf } from './sealedQuery.js';
import { rowsOf, type Store, type Transaction } from './store.js';

const FOLDER = new URL('services/context/seed/', packageRoot);
const DAY_MS = 86_400_000;
const TIMEOUT_MS = 60_000;

export interface SeedCustomer {
  readonly customer_id: string;
  readonly display_name: string;
  readonly tier: keyof typeof CustomerTier;
  readonly language: string;
  readonly facts: readonly { key: string; value: string; type: string }[];
  readonly interactions: readonly {
    interaction_id: string;
    type: string;
    summary: string;
    resolution_status: keyof typeof ResolutionStatus;
    satisfaction_score: number | null;
    /** Whole days back from the day of seeding. */
    days_ago: number;
  }[];
}

/** Names of fact types in the seed that the contract calls otherwise. */
const FACT_TYPES: Readonly<Record<string, keyof typeof FactType>> = { ORDER_NUMBER: 'NUMBER', ORDER_STATUS: 'STATUS' };

/** Reads the demonstration content. @throws Error naming the file or customer that is not as it should be */
export function readSeed(folder: URL = FOLDER): { articles: Article[]; customers: SeedCustomer[] } {
  const files = readdirSync(new URL('articles/', folder))
    .filter((name) => name.endsWith('.md'))
    .sort();
  const customers = JSON.parse(readFileSync(new URL('customers.json', folder), 'utf8')) as SeedCustomer[];
  for (const { customer_id, tier, facts, interactions } of customers) {
    const known =
      tier in CustomerTier &&
      interactions.every((i) => i.resolution_status in ResolutionStatus) &&
      facts.every((f) => factType(f.type) in FactType);
    if (!known) throw new Error(`customers.json: ${customer_id} has a tier, status or fact type that the contract does not know.`);
  }
  return { articles: files.map((name) => parseArticle(name, readFileSync(new URL(`articles/${name}`, folder), 'utf8'))), customers };
}

const factType = (name: string): string => FACT_TYPES[name] ?? name;

/** An article of Markdown with YAML front matter; the file's name is its id. */
export function parseArticle(name: string, content: string): Article {
  const [, head, body] = /^---\r?\n(.*?)\r?\n---\r?\n(.*)$/s.exec(content) ?? [];
  if (head === undefined || body === undefined) throw new Error(`${name} has no front matter between two lines of ---.`);
  const { title, audience, intents, language } = parse(head) as {
    title: string;
    audience: keyof typeof Audience;
    intents: string[];
    language: string;
  };
  if (!(audience in Audience)) throw new Error(`${name}: audience must be PUBLIC or AGENT.`);
  const article = Article.fromPartial({
    id: name.replace(/\.md$/, ''),
    title,
    body: body.trim(),
    language,
    audience: Audience[audience],
    intents,
  });
  requireValid(article);
  return article;
}

/** Gives a tenant without customers and articles the demonstration ones. Doing it again, or twice at once, changes nothing. */
export async function seed(store: Store, keys: ContentKeys, tenant: string, now: Date): Promise<void> {
  const call = background({ tenant, timeoutMs: TIMEOUT_MS });
  const [has] = await store.within(call, (tx) =>
    rowsOf<{ any: boolean }>(tx, sql`select exists (select from customers) or exists (select from articles) as any`),
  );
  if (has?.any) return;
  const { articles, customers } = readSeed();
  await store.within(call, async (tx) => {
    await insertCustomers(tx, keys, tenant, customers, now);
    for (const article of articles) await insertArticle(tx, tenant, article.id, contentOf(article), now);
  });
  log.info({ tenant, customers: customers.length, articles: articles.length }, 'seeded');
}

async function insertCustomers(
  tx: Transaction,
  keys: ContentKeys,
  tenant: string,
  customers: readonly SeedCustomer[],
  now: Date,
): Promise<void> {
  const keyOf = await keys.forWriting(
    tx,
    tenant,
    customers.map((c) => c.customer_id),
  );
  const at = now.toISOString();
  const profiles = customers.map((c) => ({
    tenant,
    id: c.customer_id,
    ...hexOf(
      sealProfile(keyOf.get(c.customer_id)!, c.customer_id, { ...c, facts: c.facts.map((f) => ({ ...f, type: factType(f.type) })) }),
    ),
    tier: c.tier,
    language: c.language,
    created_at: at,
    updated_at: at,
  }));
  const history = customers.flatMap((c) =>
    c.interactions.map(({ interaction_id, type, days_ago, summary, ...rest }) => ({
      ...rest,
      summary: sealSummary(keyOf.get(c.customer_id)!, interaction_id, summary),
      interaction_type: type,
      tenant,
      id: interaction_id,
      customer_id: c.customer_id,
      created_at: new Date(now.getTime() - days_ago * DAY_MS).toISOString(),
    })),
  );
  await tx.execute(
    sql`insert into customers select c.* from jsonb_populate_recordset(null::customers, ${JSON.stringify(profiles)}::jsonb) c on conflict do nothing`,
  );
  await tx.execute(
    sql`insert into customer_history select h.* from jsonb_populate_recordset(null::customer_history, ${JSON.stringify(history)}::jsonb) h on conflict do nothing`,
  );
}
