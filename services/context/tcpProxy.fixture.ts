import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy for tests: passes bytes on, or cuts, refuses and goes silent when told to. */
export async function tcpProxy(to: { host: string; port: number }) {
  const pairs = new Set<readonly [Socket, Socket]>();
  const state = {
    refuse: false,
    /** Bytes go nowhere, and nobody is told. */
    silent: false,
    /** Looks at what the client sends; true cuts the connection after these bytes have reached the server, and before its answer comes back. */
    cutAfter: (_bytes: Buffer): boolean => false,
  };
  const server = createServer((client) => {
    if (state.refuse) {
      client.destroy();
      return;
    }
    const upstream = connect(to);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    let deaf = false;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
      pairs.delete(pair);
    };
    client.on('data', (bytes) => {
      if (state.silent || deaf) return;
      upstream.write(bytes);
      if (state.cutAfter(bytes)) {
        deaf = true;
        // The server has answered by the time that its first bytes come.
        upstream.once('data', end);
      }
    });
    upstream.on('data', (bytes) => {
      if (!state.silent && !deaf) client.write(bytes);
    });
    for (const socket of pair) socket.on('error', end).on('close', end);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const [client, upstream] of pairs) {
      client.destroy();
      upstream.destroy();
    }
  };
  return {
    state,
    cut,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        cut();
        server.close(() => resolve());
      }),
  };
}
