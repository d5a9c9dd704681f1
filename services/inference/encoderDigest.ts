import { createHash } from 'node:crypto';
import type { Manifest } from './manifest.js';

/**
 * What an embedding is known by: SHA-256, lower-case hexadecimal, of all that makes it, which are the tokenizer and the trunk.
 * Bundles that differ in their heads alone embed every text the same and share it.
 */
export function encoderDigest({ tokenizer, trunk, embeddingTensor, embeddingWidth, files }: Manifest): string {
  const content = new Map(files.map((file) => [file.path, file.sha256]));
  const stages = trunk.map(({ file, inputs, outputs }) => [content.get(file), inputs, outputs]);
  const { file, configFile, maxTokens, padTokenId } = tokenizer;
  const made = [content.get(file), content.get(configFile), maxTokens, padTokenId, stages, embeddingTensor, embeddingWidth];
  return createHash('sha256').update(JSON.stringify(made)).digest('hex');
}
