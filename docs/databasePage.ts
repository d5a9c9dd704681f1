import { readFileSync } from 'node:fs';
import { is } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { packageRoot } from '../lib/packageRoot.js';
import * as analyticsTables from '../services/context/analyticsTables.js';
import * as auditTables from '../services/context/auditTables.js';
import * as learningTables from '../services/context/learningTables.js';
import * as relayTables from '../services/context/relayTables.js';
import * as schema from '../services/context/schema.js';

const MODULES: Readonly<Record<string, object>> = { schema, relayTables, learningTables, auditTables, analyticsTables };

/** Every table of the context service with its columns, key and indexes, in the words of the code. */
export function databasePage(): string {
  const sections = Object.entries(MODULES).flatMap(([file, tables]) => {
    const source = readFileSync(new URL(`services/context/${file}.ts`, packageRoot), 'utf8');
    return Object.values(tables)
      .filter((table): table is PgTable => is(table, PgTable))
      .sort((a, b) => placeOf(a, source) - placeOf(b, source))
      .map((table) => section(table, source));
  });
  return `# Database

What the context service stores, in Postgres or the embedded PGlite. Row-level security keeps tenants apart: a request's transaction has the role \`replymesh_app\` and sees the rows
of its tenant, the mesh's own work across tenants has \`replymesh_background\`. What each of them may do with a table is granted in \`services/context/migrations/\`.
One function goes past it, because row-level security lets no search for words use their index: \`replymesh_search.worded_passages\` runs as \`replymesh_background\` and names the tenant of the caller's transaction itself.

\`queries\` is partitioned by the month (UTC) of \`created_at\`. The months to come are made ahead; a row of any other time goes to \`queries_default\`. With
\`REPLYMESH_RETENTION_DAYS\` the months that ended so long ago are dropped, and before them the rows of that time in \`feedback\`, \`customer_history\`, \`labels\`, \`reviews\` and \`shadow_predictions\`, what is younger there and
belongs to their messages, and the ids of their customers in events that wait;
the counts of analytics (\`analytics_counts\` and its neighbours) and the \`audit_log\` stay. Retention goes by the earlier of the service's clock and the database's. A row whose own time is wrong, because the clock of the gateway
was that accepted it, is kept or forgotten by that time.

${sections.join('\n')}`;
}

/** Not every loader keeps the order of the file. */
const placeOf = (table: PgTable, source: string): number => source.indexOf(`pgTable(\n  '${getTableConfig(table).name}'`);

function section(table: PgTable, source: string): string {
  const { name, columns, primaryKeys, indexes } = getTableConfig(table);
  const from = placeOf(table, source);
  const text = source.slice(from, source.indexOf('\n  },\n', from));
  const rows = columns.map((column) => {
    const type = `${column.getSQLType()}${column.notNull || column.primary ? '' : ', may be null'}`;
    return `| \`${column.name}\` | ${type} | ${commentBefore(text, text.search(new RegExp(`\\w+: \\w+\\('${column.name}'`)))} |`;
  });
  const key = primaryKeys[0]?.columns.map((c) => c.name) ?? columns.filter((c) => c.primary).map((c) => c.name);
  const indexed = indexes.map(
    ({ config }) => `${config.unique ? 'unique ' : ''}(${config.columns.map((c) => ('name' in c ? c.name : '')).join(', ')})`,
  );
  return `## \`${name}\`

${commentBefore(source, source.lastIndexOf('export const', from))}

| column | type | what |
| --- | --- | --- |
${rows.join('\n')}

Key: (${key.join(', ')}).${indexed.length === 0 ? '' : ` Indexes: ${indexed.join(', ')}.`}
`;
}

/** The docstring that ends right before a place in the source, as one line. */
function commentBefore(source: string, place: number): string {
  const [, comment = ''] = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(source.slice(0, Math.max(0, place))) ?? [];
  return comment.replaceAll(/\s*\n\s*\* ?/g, ' ').trim();
}
