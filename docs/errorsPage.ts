import type { DescFile } from '@bufbuild/protobuf';
import { Status } from 'nice-grpc';
import { specs } from '../services/errors.js';
import { commentsOf, ENUM, VALUE } from './comments.js';

const FILE = 'replymesh/type/v1/error.proto';
const PREFIX = 'ERROR_REASON_';

/** Every reason of the catalogue with its code and what it means. */
export function errorsPage(files: readonly DescFile[]): string {
  const file = files.find((f) => f.proto.name === FILE)!;
  const comments = commentsOf(file);
  const values = file.proto.enumType[0]!.value.map(({ name }, i) => ({
    reason: name.slice(PREFIX.length),
    why: comments.get(`${ENUM},0,${VALUE},${i}`) ?? '',
  }));
  const rows = values
    .filter(({ reason }) => reason in specs)
    .map(({ reason, why }) => `| \`${reason}\` | ${Status[specs[reason as keyof typeof specs].code]} | ${why} |`);
  return `# Errors

Every error is a \`google.rpc.Status\` with one \`ErrorInfo\` (domain \`replymesh\`), over gRPC in the trailers, over REST as JSON.

| reason | code | why |
| --- | --- | --- |
${rows.join('\n')}
`;
}
