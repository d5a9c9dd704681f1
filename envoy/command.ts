/** How Envoy is started with a rendered configuration; several may run side by side. */
export const envoyCommand = (binary: string, configFile: string): { command: string; args: string[] } => ({
  command: binary,
  args: ['--config-path', configFile, '--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'warn', '--drain-time-s', '5'],
});
