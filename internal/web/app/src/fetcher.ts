import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { Kind, parse } from 'graphql';

const send = createGraphiQLFetcher({
  // A sibling of the page, wherever a proxy has put both.
  url: new URL('../graphql', document.baseURI).href,
  enableIncrementalDelivery: false,
});

/**
 * The operation to ask for. GraphiQL takes notice of a changed query with a
 * delay and until then names the operation of the tab that was open before,
 * which the server would rightly not find.
 */
function operationNameIn(query: string, proposed?: string | null) {
  try {
    const names = parse(query).definitions.flatMap(definition =>
      definition.kind === Kind.OPERATION_DEFINITION && definition.name ? [definition.name.value] : [],
    );
    return proposed && names.includes(proposed) ? proposed : names[0];
  } catch {
    return proposed; // The server says what is wrong with the query.
  }
}

/** Sends operations to the API beside this page. */
export const fetcher: Fetcher = (params, options) =>
  send({ ...params, operationName: operationNameIn(params.query, params.operationName) }, options);
