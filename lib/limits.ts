/** Largest gRPC message taken or sent, bytes. Larger things are streamed or refused. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Most calls at once on one connection. */
export const MAX_CONCURRENT_STREAMS = 1000;
/** Longest life of a stream that the caller keeps open, milliseconds: longer than any call, whatever REPLYMESH_DEADLINE_MS says. */
export const MAX_STREAM_MS = 3_600_000;
