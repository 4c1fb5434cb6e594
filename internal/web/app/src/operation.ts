import { Kind, parse, type DocumentNode } from 'graphql';

/** The document, or nothing where it is none: the server says what is wrong with it. */
export function parsed(query: string) {
  try {
    return parse(query);
  } catch {
    return undefined;
  }
}

/**
 * The operation to ask for. GraphiQL takes notice of a changed query with a
 * delay and until then names the operation of the tab that was open before,
 * which the server would rightly not find.
 */
export function operationNameIn(query: DocumentNode, proposed?: string | null) {
  const names = query.definitions.flatMap(definition =>
    definition.kind === Kind.OPERATION_DEFINITION && definition.name ? [definition.name.value] : [],
  );
  return proposed && names.includes(proposed) ? proposed : names[0];
}
