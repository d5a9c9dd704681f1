/** Cache key of a customer's context. Both names may hold any character, so that lengths keep them apart. */
export const contextKey = (tenant: string, customerId: string): string => `context:${tenant.length}:${tenant}:${customerId}`;
