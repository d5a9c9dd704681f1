/** What one check of `doctor` found. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /** What is there, or what is wrong. Never a secret. */
  readonly detail: string;
  /** What to do about it; there when not `ok`. */
  readonly cure?: string;
}

export const well = (check: string, detail: string): Finding => ({ check, ok: true, detail });
export const ill = (check: string, detail: string, cure: string): Finding => ({ check, ok: false, detail, cure });
