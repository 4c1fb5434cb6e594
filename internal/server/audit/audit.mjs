// Holds a running server against every audit of GraphQL over HTTP that the package graphql-http knows (MUST, SHOULD
// and MAY alike), and against the introspection query that GraphiQL and most code generators send.
//
//	npm ci && node audit.mjs http://127.0.0.1:8080/graphql
//
// Prints what failed and a summary; exits 1 if anything failed.
import { getIntrospectionQuery } from 'graphql';
import { serverAudits } from 'graphql-http';

const url = process.argv[2];
if (!url) {
  console.error('usage: node audit.mjs URL-of-the-GraphQL-endpoint');
  process.exit(2);
}

// Whatever an audit sends, this server has an answer: a status of 500 or more fails it.
let broken;
async function watched(...args) {
  const answer = await fetch(...args);
  if (answer.status >= 500) broken = `status ${answer.status}`;
  return answer;
}

const everyOption = {
  descriptions: true,
  directiveIsRepeatable: true,
  inputValueDeprecation: true,
  oneOf: true,
  schemaDescription: true,
  specifiedByUrl: true,
};

async function introspect(options) {
  const answer = await watched(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query: getIntrospectionQuery(options), operationName: 'IntrospectionQuery' }),
  });
  const { data, errors } = await answer.json();
  if (answer.status !== 200 || errors || !data.__schema.types.length) {
    return { status: 'error', reason: `status ${answer.status}, ${JSON.stringify(errors ?? data).slice(0, 300)}` };
  }
  return { status: 'ok' };
}

const checks = [
  ...serverAudits({ url, fetchFn: watched }),
  { name: "OURS answer graphql-js's introspection query", fn: () => introspect() },
  { name: "OURS answer graphql-js's introspection query with every option", fn: () => introspect(everyOption) },
];

let failed = 0;
for (const { id, name, fn } of checks) {
  let result;
  broken = undefined;
  try {
    result = await fn();
    if (broken) result = { status: 'error', reason: broken };
  } catch (error) {
    result = { status: 'error', reason: error.message };
  }
  if (result.status !== 'ok') {
    failed++;
    console.error(`${result.status}: ${[id, name].filter(Boolean).join(' ')}: ${result.reason ?? 'no reason given'}`);
  }
}
console.log(`GraphQL over HTTP: ${checks.length - failed} of ${checks.length} audits passed`);
process.exit(failed ? 1 : 0);
