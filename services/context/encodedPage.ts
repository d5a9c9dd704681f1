import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { ContextServiceDefinition as Contract, ListQueriesResponse } from '../../gen/replymesh/context/v1/context_service.js';
import { messageType } from '../../lib/contract.js';

/** A `ListQueriesResponse` whose queries are encoded already. */
export interface EncodedPage {
  readonly queries: readonly Uint8Array[];
  readonly nextPageToken: string;
}

const QUERIES = messageType('replymesh.context.v1.ListQueriesResponse').field['queries']!.number;

const EncodedPage = {
  encode: ({ queries, nextPageToken }: EncodedPage): BinaryWriter => {
    const writer = ListQueriesResponse.encode({ queries: [], nextPageToken }, new BinaryWriter());
    for (const query of queries) writer.tag(QUERIES, WireType.LengthDelimited).bytes(query);
    return writer;
  },
  decode: ListQueriesResponse.decode,
  fromPartial: (page: EncodedPage): EncodedPage => page,
};

/** The contract's service, the same on the wire, whose `ListQueries` passes each record's bytes on as they were stored, and does not read, copy and write fifty of them. */
export const ContextServiceDefinition = {
  ...Contract,
  methods: {
    ...Contract.methods,
    listQueries: { ...Contract.methods.listQueries, responseType: EncodedPage },
  },
} as const;
export type ContextServiceDefinition = typeof ContextServiceDefinition;
