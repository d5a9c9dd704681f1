import { readFileSync } from 'node:fs';

/** Ticks of a second in /proc: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS = 100;

/** User and system time of a process and all its threads, seconds, from the text of /proc/<pid>/stat (proc_pid_stat(5), fields 14 and 15). */
export function cpuSecondsOf(stat: string): number {
  // The name in field 2 may hold blanks and parentheses: what follows its last one is regular.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** The same of a running process; 0 when it has ended. */
export function cpuSeconds(pid: number): number {
  try {
    return cpuSecondsOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return 0;
  }
}
