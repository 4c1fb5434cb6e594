import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { Kind, parse, type DocumentNode } from 'graphql';

// A sibling of the page, wherever a proxy has put both.
const url = new URL('../graphql', document.baseURI);

const send = createGraphiQLFetcher({
  url: url.href,
  // Subscriptions, over the protocol graphql-transport-ws. What stands among the
  // headers, such as a token, becomes the payload of the first message.
  subscriptionUrl: url.href.replace(/^http/, 'ws'),
  enableIncrementalDelivery: false,
});

/**
 * The operation to ask for. GraphiQL takes notice of a changed query with a
 * delay and until then names the operation of the tab that was open before,
 * which the server would rightly not find.
 */
function operationNameIn(query: DocumentNode, proposed?: string | null) {
  const names = query.definitions.flatMap(definition =>
    definition.kind === Kind.OPERATION_DEFINITION && definition.name ? [definition.name.value] : [],
  );
  return proposed && names.includes(proposed) ? proposed : names[0];
}

function parsed(query: string) {
  try {
    return parse(query);
  } catch {
    return undefined; // The server says what is wrong with the query.
  }
}

/** Sends operations to the API beside this page. */
export const fetcher: Fetcher = (params, options) => {
  const query = parsed(params.query);
  if (!query) return send(params, options);
  return send({ ...params, operationName: operationNameIn(query, params.operationName) }, { ...options, documentAST: query });
};
