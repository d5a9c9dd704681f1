import type { DescFile } from '@bufbuild/protobuf';

/**
 * Comments of a proto file by the path of what they stand before (`SourceCodeInfo.Location.path` of descriptor.proto): a service is
 * `6,i`, its method `6,i,2,j`, an enum's value `5,i,2,j`. One line each.
 */
export function commentsOf(file: DescFile): Map<string, string> {
  const locations = file.proto.sourceCodeInfo?.location ?? [];
  return new Map(
    locations.filter((l) => l.leadingComments).map((l) => [l.path.join(), l.leadingComments.trim().replace(/\s*\n\s*/g, ' ')]),
  );
}

/** Field numbers of descriptor.proto that paths are made of. */
export const SERVICE = 6;
export const METHOD = 2;
export const ENUM = 5;
export const VALUE = 2;
