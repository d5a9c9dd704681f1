import type { DescFile, DescMethod } from '@bufbuild/protobuf';
import { methods } from '../lib/contract.js';
import { commentsOf, METHOD, SERVICE } from './comments.js';

const PUBLIC = 'replymesh.v1';

/** Every public method: its REST route, its scope, whether it may be repeated, and what its contract says. */
export function apiPage(files: readonly DescFile[]): string {
  const services = files
    .filter((file) => file.proto.package === PUBLIC)
    .flatMap((file) => {
      const comments = commentsOf(file);
      return [...file.proto.service.keys()].map((i) => {
        const { name, method } = file.proto.service[i]!;
        const entries = method.map((m, j) =>
          entry(`/${PUBLIC}.${name}/${m.name}`, m, comments.get(`${SERVICE},${i},${METHOD},${j}`) ?? ''),
        );
        return `## ${name}\n\n${comments.get(`${SERVICE},${i}`) ?? ''}\n\n${entries.join('\n')}`;
      });
    });
  return `# The public API

Made from \`proto/replymesh/v1\` by \`npm run generate\`, which is the place to read each message field by field. Over REST the fields are in camelCase; a field that
is not said has its default. Every call needs a bearer token with the scope named (\`authorization: Bearer …\`). Errors are in [errors.md](errors.md).

${services.join('\n')}`;
}

function entry(path: string, { name, serverStreaming, clientStreaming }: DescMethod['proto'], comment: string): string {
  const { http, requiredScope, idempotent } = methods.get(path)!;
  const rest = http ? `\`${http.verb} ${http.route}\`${serverStreaming ? ', server-sent events' : ''}` : 'gRPC only';
  const shape = clientStreaming ? 'a stream both ways' : serverStreaming ? 'a stream of events' : 'one answer';
  return `### ${name}\n\n${rest} · scope \`${requiredScope}\` · ${shape} · ${idempotent ? 'safe to repeat' : 'not safe to repeat'}\n\n${comment}\n`;
}
