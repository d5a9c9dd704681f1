import type { GenerateRequest, GenerateResponse } from '../../gen/replymesh/generator/v1/generator_service.js';
import { fail } from '../errors.js';
import type { GenerateCall, GenerateStream } from './generateStream.js';

export type Generate = (request: GenerateRequest, call: GenerateCall) => Promise<GenerateResponse>;

/** Writes a whole reply: the stream, folded. */
export const generate =
  ({ generateStream }: { generateStream: GenerateStream }): Generate =>
  async (request, call) => {
    for await (const { event } of generateStream({ request }, call)) {
      if (event?.$case === 'result') return event.value;
    }
    return fail('CALL_CANCELLED', {});
  };
