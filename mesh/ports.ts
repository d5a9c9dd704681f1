import { createServer } from 'node:net';
import { StartError } from '../lib/errors.js';

/** @throws StartError when something listens there */
export async function requireFree(port: number, variable: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new StartError(`Port ${port} cannot be used (${error.code}): end what listens there, or set ${variable} to another one.`)),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}

/** @throws StartError when both are the same */
export function requireDifferent({ httpPort, grpcPort }: { readonly httpPort: number; readonly grpcPort: number }): void {
  if (httpPort === grpcPort)
    throw new StartError(`REPLYMESH_HTTP_PORT and REPLYMESH_GRPC_PORT are both ${httpPort}: set one of them to another port.`);
}
