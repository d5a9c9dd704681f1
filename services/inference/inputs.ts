import type { Bundle } from './bundle.js';
import { featuresOf, type TextFeatures } from './features.js';
import { openTokenizer, type Tokenize, type Tokens } from './tokenizer.js';

/** Everything that the models of a bundle read of one text. */
export interface TextInputs {
  /** Token ids with the special ones, at most the bundle's `max_tokens`. */
  readonly ids: Int32Array;
  /** Byte-level token ids; none when the bundle has no such tokenizer. */
  readonly byteIds: Int32Array;
  /** Absent when no stage of the bundle reads any. */
  readonly features: TextFeatures | undefined;
  /** Whether the end of the text was cut off. */
  readonly truncated: boolean;
}

/** Text → inputs, the same as training reads. Never throws. */
export type ReadText = (text: string) => TextInputs;

/** Opens what a bundle reads beside its tokens. @throws StartError when a tokenizer's files are not what Hugging Face tokenizers write */
export async function openInputs(bundle: Bundle, tokenize: Tokenize): Promise<ReadText> {
  const { byteTokenizer, features } = bundle.manifest;
  const bytes = byteTokenizer && (await openTokenizer(bundle, byteTokenizer));
  return (text) => ({ ...tokenize(text), byteIds: bytes?.(text).ids ?? new Int32Array(), features: features && featuresOf(text) });
}

/** A text of which only the tokens are read: enough for its embedding. */
export const tokensAlone = ({ ids, truncated }: Tokens): TextInputs => ({
  ids,
  byteIds: new Int32Array(),
  features: undefined,
  truncated,
});
