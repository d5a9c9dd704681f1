/**
 * How Envoy is started with a rendered configuration. Several may run side by side: hot restart, which ties an instance to a number shared
 * by the whole machine, is off; replicas take its place. The access log is written every second, so that a crash loses little of it.
 * @param options.concurrency worker threads; the edge needs less CPU than what it fronts
 * @param options.adminAddressFile file that Envoy writes its admin address to
 */
export const envoyCommand = (
  binary: string,
  configFile: string,
  options: { concurrency?: number; adminAddressFile?: string } = {},
): { command: string; args: string[] } => ({
  command: binary,
  args: [
    ...['--config-path', configFile, '--disable-hot-restart', '--log-level', 'warn'],
    ...['--file-flush-interval-msec', '1000'],
    ...['--concurrency', String(options.concurrency ?? 1)],
    ...(options.adminAddressFile ? ['--admin-address-path', options.adminAddressFile] : []),
  ],
});
