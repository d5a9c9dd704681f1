import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import type { TokenizerSpec } from '../../gen/replymesh/type/v1/bundle.js';
import { StartError } from '../../lib/errors.js';
import type { Bundle } from './bundle.js';
import { declaredFile, readBundleFile } from './bundleFile.js';
import { wordPieces } from './wordPiece.js';

/** A text as the models read it. */
export interface Tokens {
  /** Token ids with the special ones, at most the bundle's `max_tokens`. */
  readonly ids: Int32Array;
  /** Whether the end of the text was cut off. */
  readonly truncated: boolean;
}

/** Text → token ids, the same as Hugging Face's own library gives in training. Never throws. A text of 20,000 characters takes some 10 ms, byte-level and without a space up to 100 ms. */
export type Tokenize = (text: string) => Tokens;

/** Opens a tokenizer of the bundle. @throws StartError when its files are not what Hugging Face tokenizers write */
export async function openTokenizer(bundle: Bundle, spec: TokenizerSpec): Promise<Tokenize> {
  const { file, configFile, maxTokens } = spec;
  const [tokenizer, config] = await Promise.all([file, configFile].map((path) => readJson(bundle, path)));
  try {
    return tokenizeWith(tokenizer as TokenizerFile, new HuggingFaceTokenizer(tokenizer as object, config as object), maxTokens);
  } catch (error) {
    throw new StartError(
      `Bundle ${bundle.dir}: ${file} cannot be used: ${(error as Error).message}. Write it with Hugging Face tokenizers.`,
    );
  }
}

async function readJson(bundle: Bundle, path: string): Promise<unknown> {
  const bytes = await readBundleFile(bundle.dir, declaredFile(bundle, path));
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new StartError(`Bundle ${bundle.dir}: ${path} is not JSON: ${(error as Error).message}. Write it with Hugging Face tokenizers.`);
  }
}

/** The parts of `tokenizer.json` that are looked at here. */
interface TokenizerFile {
  readonly normalizer?: { readonly type?: string; readonly lowercase?: boolean; readonly handle_chinese_chars?: boolean } | null;
  readonly model?: { readonly type?: string; readonly continuing_subword_prefix?: string; readonly max_input_chars_per_word?: number };
}

/** Ideographs beyond U+FFFF, which the library does not take for words of their own though the reference does (`handle_chinese_chars`). */
const FAR_IDEOGRAPHS = /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/** How much of a long text is tried first, characters for each token: rarely do words need more. */
const CHARACTERS_PER_TOKEN = 8;

/** Cuts the end of long texts off but keeps the closing special token, as training does (`tokens.py`). */
function tokenizeWith(file: TokenizerFile, tokenizer: HuggingFaceTokenizer, maxTokens: number): Tokenize {
  if (file.model?.type === 'WordPiece') boundWordPiece(file.model, tokenizer, maxTokens);
  const bert = file.normalizer?.type === 'BertNormalizer' ? file.normalizer : undefined;
  const encode = (text: string): number[] => {
    const spaced = bert?.handle_chinese_chars ? text.replace(FAR_IDEOGRAPHS, ' $& ') : text;
    // JavaScript lowers a capital sigma by its place in the word, the reference does not.
    return tokenizer.encode(bert?.lowercase ? spaced.replaceAll('Σ', 'σ') : spaced).ids;
  };
  return (text) => {
    const enough = wordEnd(text, maxTokens * CHARACTERS_PER_TOKEN);
    let ids = encode(text.slice(0, enough));
    if (enough < text.length && ids.length <= maxTokens) ids = encode(text);
    const truncated = ids.length > maxTokens;
    const kept = Int32Array.from(truncated ? ids.slice(0, maxTokens) : ids);
    if (truncated) kept[maxTokens - 1] = ids[ids.length - 1]!;
    return { ids: kept, truncated };
  };
}

/** First end of a word at or after `from`: before a space that follows no space, where no tokenizer looks across. */
function wordEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === ' ' && /\S/.test(text[at - 1]!)) return at;
  }
  return text.length;
}

/** What the library's WordPiece model is made of; its own type file leaves this out. */
interface WordPieceModel {
  readonly tokens_to_ids: ReadonlyMap<string, number>;
  readonly unk_token: string;
  encode: (words: readonly string[]) => string[];
}

/** Puts `wordPieces` in the place of the library's own, which some texts keep busy for a second. */
function boundWordPiece(file: NonNullable<TokenizerFile['model']>, tokenizer: HuggingFaceTokenizer, maxTokens: number): void {
  const model = tokenizer.model as unknown as WordPieceModel;
  const vocabulary = {
    has: (piece: string) => model.tokens_to_ids.has(piece),
    longestPiece: [...model.tokens_to_ids.keys()].reduce((longest, piece) => Math.max(longest, [...piece].length), 1),
    continuingPrefix: file.continuing_subword_prefix ?? '##',
    unknown: model.unk_token,
    maxWordLength: file.max_input_chars_per_word ?? 100,
  };
  model.encode = (words) => wordPieces(words, vocabulary, maxTokens);
}
