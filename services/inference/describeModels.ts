import type { LabelSpace } from '../../gen/replymesh/type/v1/bundle.js';
import type { Bundle, BundleSpace } from '../../gen/replymesh/v1/model_service.js';
import { StartError } from '../../lib/errors.js';
import { type Aliases, aliasesOf } from './aliases.js';
import type { Registry } from './registry.js';

/** A bundle of the models folder in the words of the contract. One whose manifest cannot be read is told as such. */
export async function describeModels(registry: Registry, aliases: Aliases, servedDigest: string, digest: string): Promise<Bundle> {
  const known = { digest, aliases: aliasesOf(aliases, digest), served: digest === servedDigest };
  const unread = { name: '', version: '', createTime: undefined, spaces: [] };
  try {
    const { name, version, createTime, spaces } = (await registry.manifestOf(digest)).manifest;
    return { ...known, name, version, createTime, spaces: spaces.map(inShort), problem: '' };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { ...known, ...unread, problem: withoutFolder(error.message) };
  }
}

/** What a refusal says of a bundle, without where it lies: that is told in the log alone. */
export const withoutFolder = (message: string): string => message.replace(/^Bundle .+?: /, '');

const inShort = ({ name, labels, metrics }: LabelSpace): BundleSpace => ({
  name,
  labelCount: labels.length,
  figures: Object.entries(metrics)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([figure, value]) => ({ name: figure, value })),
});
