import {
  type InferenceServiceDefinition,
  type ModelChange,
  ModelChangeKind,
  type SpaceFigure,
} from '../../gen/replymesh/inference/v1/inference_service.js';
import { StartError } from '../../lib/errors.js';
import type { Handler } from '../../lib/server.js';
import type { Change } from './aliases.js';
import type { Champion } from './champion.js';
import type { Registry } from './registry.js';

interface Parts {
  readonly champion: Pick<Champion, 'aliases'>;
  readonly registry: Pick<Registry, 'manifestOf'>;
}

const KINDS: Readonly<Record<Change['kind'], ModelChangeKind>> = {
  promoted: ModelChangeKind.PROMOTED,
  'rolled back': ModelChangeKind.ROLLED_BACK,
};
/** Figures that are told: of rows that nothing was chosen on. */
const FIGURES = /^test\.(accuracy|macro_f1|ece|nll)$/;

/** Lists the last changes of the champion. */
export const listModelChanges =
  ({ champion, registry }: Parts): Handler<InferenceServiceDefinition, 'listModelChanges'> =>
  async () => {
    const { changes = [] } = await champion.aliases();
    return { changes: await Promise.all(changes.map((change) => told(registry, change))) };
  };

async function told(registry: Parts['registry'], { id, kind, digest, previous, tenant, actor, at }: Change): Promise<ModelChange> {
  const change = {
    id,
    kind: KINDS[kind] ?? ModelChangeKind.UNSPECIFIED,
    digest,
    previousDigest: previous,
    tenant,
    actor,
    time: new Date(at),
  };
  try {
    const { name, version, spaces } = (await registry.manifestOf(digest)).manifest;
    const figures = spaces.flatMap((space) =>
      Object.entries(space.metrics).flatMap(([figure, value]): SpaceFigure[] =>
        FIGURES.test(figure) ? [{ labelSpace: space.name, name: figure, value }] : [],
      ),
    );
    return { ...change, name, version, figures };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { ...change, name: '', version: '', figures: [] };
  }
}
