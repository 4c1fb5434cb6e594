/** A question in plain words and the operation that answers it. */
export interface Example {
  title: string;
  query: string;
  variables: string;
}

const queries = import.meta.glob<string>('../../examples/*.graphql', { query: '?raw', import: 'default', eager: true });
const variables = import.meta.glob<string>('../../examples/*.variables.json', {
  query: '?raw',
  import: 'default',
  eager: true,
});

/** The files of internal/web/examples in the order of their names; a file's first comment is the question. */
export const examples: Example[] = Object.keys(queries)
  .sort()
  .map(path => ({
    title: queries[path].split('\n', 1)[0].replace(/^#\s*/, ''),
    query: queries[path].trimEnd(),
    variables: variables[path.replace(/\.graphql$/, '.variables.json')].trimEnd(),
  }));
