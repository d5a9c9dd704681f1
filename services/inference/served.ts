import { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { ModelServiceDefinition } from '../../gen/replymesh/v1/model_service.js';
import { type Served, serve } from '../../lib/server.js';
import { byBundle } from './byBundle.js';
import type { Cache } from './cache.js';
import type { Challenger } from './challenger.js';
import type { Champion } from './champion.js';
import { describeBundle } from './describeBundle.js';
import { describeChallenger } from './describeChallenger.js';
import { embed } from './embed.js';
import { listBundles } from './listBundles.js';
import { listModelChanges } from './listModelChanges.js';
import { predict } from './predict.js';
import { predictChallenger } from './predictChallenger.js';
import { promoteBundle } from './promoteBundle.js';
import { readBundleFile } from './readBundleFile.js';
import type { Reading } from './reading.js';
import type { Registry } from './registry.js';
import { rollBackBundle } from './rollBackBundle.js';
import type { Shelf } from './shelf.js';

interface Parts {
  readonly registry: Registry;
  readonly champion: Champion;
  readonly challenger: Challenger;
  readonly shelf: Shelf;
  readonly cache: Cache<Reading>;
}

/** The services of this process. */
export const served = ({ registry, champion, challenger, shelf, cache }: Parts): Served[] => {
  const { serving } = champion;
  return [
    serve(InferenceServiceDefinition, {
      predict: byBundle({ serving, shelf }, (loaded) => predict({ ...loaded, cache })),
      embed: serving.by(embed),
      describeBundle: serving.by(({ bundle }) => describeBundle(bundle)),
      describeChallenger: describeChallenger(challenger),
      predictChallenger: serving.by(({ batcher }) => predictChallenger({ challenger, champion: batcher })),
      listModelChanges: listModelChanges({ champion, registry }),
      readBundleFile: readBundleFile({ registry }),
    }),
    serve(ModelServiceDefinition, {
      listBundles: listBundles({ champion, registry }),
      promoteBundle: promoteBundle({ champion, registry }),
      rollBackBundle: rollBackBundle({ champion, registry }),
    }),
  ];
};
