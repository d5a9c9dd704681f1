import type { Call } from '../../lib/call.js';
import type { LoadedBundle } from './loadBundle.js';
import type { Serving } from './serving.js';
import type { Shelf } from './shelf.js';

/** A method that runs each call on the bundle that it names, and on the one that is served where it names none. */
export const byBundle =
  <Q extends { readonly bundleDigest: string }, A>(
    { serving, shelf }: { serving: Serving; shelf: Shelf },
    method: (loaded: LoadedBundle) => (request: Q, call: Call) => Promise<A>,
  ) =>
  (request: Q, call: Call): Promise<A> =>
    request.bundleDigest === '' || request.bundleDigest === serving.bundle.digest
      ? serving.by(method)(request, call)
      : shelf.use(request.bundleDigest, call.signal, (loaded) => method(loaded)(request, call));
