import { Duplex } from 'node:stream';
import { type PGlite, protocol } from '@electric-sql/pglite';
import pg from 'pg';

/**
 * The embedded database as node-postgres sees a server: what is written goes into it, what it answers is read. A statement so takes one
 * turn of the database, where PGlite's own interface takes six, and both stores share one way to run a transaction.
 */
export class PgliteConnection extends Duplex {
  constructor(private readonly db: PGlite) {
    super();
  }

  connect(): void {
    // A server would end the transaction of a connection that was given up.
    if (this.db.isInTransaction()) this.db.execProtocolRawSync(protocol.serialize.query('ROLLBACK'));
    process.nextTick(() => this.emit('connect'));
  }

  override _write(message: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    try {
      const answer = this.db.execProtocolRawSync(message);
      if (answer.length > 0) this.push(answer);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', done);
  }

  override _read(): void {}

  override _final(done: () => void): void {
    this.push(null);
    done();
  }

  // A socket's, which mean nothing here.
  setNoDelay(): void {}
  setKeepAlive(): void {}
  ref(): void {}
  unref(): void {}
}

/** Prepares nothing: of a statement that is parsed and then fails PGlite does not say that it was parsed, so that it could never be sent again. */
export class PgliteClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const query = this.query.bind(this) as (...args: unknown[]) => unknown;
    const unnamed = (statement: unknown): unknown => (typeof statement === 'object' ? { ...statement, name: undefined } : statement);
    this.query = ((statement: unknown, ...rest: unknown[]) => query(unnamed(statement), ...rest)) as typeof this.query;
  }
}
