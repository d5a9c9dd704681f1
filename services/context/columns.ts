import { sql } from 'drizzle-orm';
import { customType, pgPolicy, pgRole, text, timestamp } from 'drizzle-orm/pg-core';

/** The plain role that every request's transaction takes: row-level security binds it, as it does not bind owners and superusers. */
export const APP_ROLE = 'replymesh_app';
/** The plain role of the mesh's own work across tenants: it reaches only what its policies and grants name. */
export const BACKGROUND_ROLE = 'replymesh_background';

const app = pgRole(APP_ROLE).existing();
const background = pgRole(BACKGROUND_ROLE).existing();

export const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => 'bytea' });
/** A transaction's number that never comes again: 64 bits. */
export const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' });

/** Milliseconds, as everywhere in the mesh: a finer clock here would break keyset paging by times that went through JavaScript. */
export const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });
export const tenant = () => text('tenant').notNull();

const OWN = sql`tenant = current_setting('replymesh.tenant', true)`;
/** A policy lets rows through, not statements: what may be done with them is granted in the migrations. */
export const ownTenant = () => pgPolicy('own_tenant', { for: 'all', to: app, using: OWN, withCheck: OWN });
export const everyTenant = () => pgPolicy('every_tenant', { for: 'all', to: background, using: sql`true`, withCheck: sql`true` });
/** The mesh's own rows, without a tenant, are everybody's to read. */
export const ownTenantOrMesh = () => pgPolicy('own_tenant', { for: 'all', to: app, using: sql`tenant = '' or ${OWN}`, withCheck: OWN });
