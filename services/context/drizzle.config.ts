import { defineConfig } from 'drizzle-kit';

// After a change of schema.ts: `npx drizzle-kit generate --config services/context/drizzle.config.ts --name what_changed`, then read the SQL it wrote.
const config = defineConfig({
  dialect: 'postgresql',
  schema: ['./services/context/schema.ts', './services/context/*Tables.ts'],
  out: './services/context/migrations',
});
export default config;
