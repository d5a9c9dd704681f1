import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { encodeName, SUBJECT_KEY, TENANT_KEY } from '../lib/call.js';
import { MAX_MESSAGE_BYTES } from '../lib/limits.js';

/** A ts-proto definition. */
interface Definition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, { readonly name: string; readonly requestType: object }>>;
}
type Request<D extends Definition, M extends keyof D['methods']> = D['methods'][M]['requestType'] extends {
  decode(...args: never): infer Q;
}
  ? Q
  : never;

export interface BareClient<D extends Definition> {
  /** @returns the answer as it came @throws grpc-js' ServiceError */
  call<M extends keyof D['methods'] & string>(method: M, request: Request<D, M>): Promise<Uint8Array>;
  close(): void;
}

/** Within the service's own limit, as the gateway's calls are. */
const DEADLINE_MS = 5000;

/**
 * gRPC and nothing else: no layer of the mesh's own client, and answers that nobody reads. They would be work of this process, and garbage whose
 * collection stops it for milliseconds, which would count as the service's.
 */
export function bareClient<D extends Definition>(definition: D, target: string, tenant: string): BareClient<D> {
  const client = new Client(target, credentials.createInsecure(), { 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES });
  const metadata = new Metadata();
  metadata.set(TENANT_KEY, encodeName(tenant));
  metadata.set(SUBJECT_KEY, 'bench');
  const asItCame = (bytes: Buffer): Buffer => bytes;
  return {
    call: (method, request) => {
      const { name, requestType } = definition.methods[method]!;
      const { encode } = requestType as { encode(message: typeof request): { finish(): Uint8Array } };
      const serialize = (message: typeof request): Buffer => Buffer.from(encode(message).finish());
      const deadline = Date.now() + DEADLINE_MS;
      return new Promise((resolve, reject) => {
        client.makeUnaryRequest(`/${definition.fullName}/${name}`, serialize, asItCame, request, metadata, { deadline }, (error, answer) =>
          error ? reject(error) : resolve(answer as Buffer),
        );
      });
    },
    close: () => client.close(),
  };
}
