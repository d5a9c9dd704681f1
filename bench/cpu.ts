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

/** Share of the time in which the processors had work that the host of a virtual machine took away for others, from the text of /proc/stat before and after (proc_stat(5)). */
export function stolenShare(before: string, after: string): number {
  const ticks = (text: string): number[] => (/^cpu +(.*)$/m.exec(text)?.[1] ?? '').split(' ').map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, stolen = 0] = ticks(after).map((n, i) => n - (ticks(before)[i] ?? 0));
  return stolen / Math.max(1, user + nice + system + irq + softirq + stolen);
}
