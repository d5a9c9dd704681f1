/** A command that cannot give what it was asked for: 1, or 2 when it was asked in a wrong way. The message says what to do and is all that is printed. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  constructor(
    message: string,
    readonly exitCode: 1 | 2 = 1,
  ) {
    super(message);
  }
}
