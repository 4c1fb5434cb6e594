import { tryParseJSONC } from '@graphiql/react';
import { operationNameIn, parsed } from './operation';

/** What the editors hold. */
export interface Question {
  query: string;
  variables?: string;
  headers?: string;
  operationName?: string;
}

/** The formats of tables. */
export type TableFormat = 'csv' | 'ndjson';

/** An address beside this page, wherever a proxy has put both. */
export const beside = (path: string) => new URL(`../${path}`, document.baseURI).href;

/** The longest address that is sure to arrive; the server takes headers of 16 KiB in all. */
const longestAddress = 8000;

/** The parameters of a question, as GET and POST both take them. Throws where the variables are no JSON. */
function parametersOf({ query, variables, operationName }: Question) {
  const document = parsed(query);
  return {
    query,
    variables: tryParseJSONC(variables) ?? {},
    operationName: document && operationNameIn(document, operationName),
  };
}

/** The link to the answer as a table, for spreadsheets and programs: it holds the question, and no headers. */
export function tableLink(format: TableFormat, question: Question): string {
  const { query, variables, operationName } = parametersOf(question);
  const link = new URL(beside(`graphql.${format}`));
  link.searchParams.set('query', query);
  if (Object.keys(variables).length > 0) link.searchParams.set('variables', JSON.stringify(variables));
  if (operationName) link.searchParams.set('operationName', operationName);
  return link.href;
}

/** Downloads the answer as a table. What is wrong with the question is thrown as the text of the answer. */
export async function downloadTable(format: TableFormat, question: Question): Promise<void> {
  const link = tableLink(format, question);
  await (link.length <= longestAddress
    ? download(link, question.headers)
    : download(beside(`graphql.${format}`), question.headers, JSON.stringify(parametersOf(question))));
}

/** Headers that the visitor has written, such as a token. */
export const headersIn = (text?: string) => (tryParseJSONC(text) ?? {}) as Record<string, string>;

/** Downloads what a link leads to, sent with the visitor's headers, which a plain link could not send. */
export async function download(address: string, headers?: string, body?: string): Promise<void> {
  const sent = new Headers(headersIn(headers));
  if (body) sent.set('Content-Type', 'application/json');
  const response = await fetch(address, { method: body ? 'POST' : 'GET', headers: sent, body });
  if (!response.ok) throw new Error(await response.text());
  const file = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = file;
  link.download = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? 'answer';
  link.click();
  // Nothing tells when the browser has taken hold of the file.
  setTimeout(() => URL.revokeObjectURL(file), 60_000);
}
