import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { beside } from './downloads';
import { operationNameIn, parsed } from './operation';

const url = beside('graphql');

const send = createGraphiQLFetcher({
  url,
  // Subscriptions, over the protocol graphql-transport-ws. What stands among the
  // headers, such as a token, becomes the payload of the first message.
  subscriptionUrl: url.replace(/^http/, 'ws'),
  enableIncrementalDelivery: false,
});

/** Sends operations to the API beside this page. */
export const fetcher: Fetcher = (params, options) => {
  const query = parsed(params.query);
  if (!query) return send(params, options);
  return send({ ...params, operationName: operationNameIn(query, params.operationName) }, { ...options, documentAST: query });
};
