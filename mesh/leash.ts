/**
 * A shell that becomes the program, by `exec` and so under the same pid, after leaving a watcher beside it: the watcher reads the shell's stdin
 * from us, which ends when we do, and then ends the program. It needs no help of ours, so that it also works when we are killed, and for any program.
 */
const LEASH = 'exec 3<&0 </dev/null; (read -r _ <&3; kill -TERM $$) >/dev/null 2>&1 & exec 3<&- "$@"';

/** The command to spawn with a pipe as stdin, for a program that is not to outlive us. */
export const leashed = (command: string, args: readonly string[]): { command: string; args: string[] } => ({
  command: '/bin/sh',
  args: ['-c', LEASH, 'sh', command, ...args],
});
