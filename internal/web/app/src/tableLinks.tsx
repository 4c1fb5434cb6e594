import { useGraphiQL } from '@graphiql/react';
import { type MouseEvent } from 'react';
import { beside, downloadTable, tableLink, type TableFormat } from './downloads';

/** What is wrong, as the result pane shows it. */
function asAnswer(error: unknown) {
  const text = error instanceof Error ? error.message : String(error);
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return JSON.stringify({ errors: [{ message: text }] }, null, 2);
  }
}

function TableLink({ format, operationName }: { format: TableFormat; operationName?: string }) {
  const { queryEditor, variableEditor, headerEditor, responseEditor } = useGraphiQL(state => ({
    queryEditor: state.queryEditor,
    variableEditor: state.variableEditor,
    headerEditor: state.headerEditor,
    responseEditor: state.responseEditor,
  }));
  const question = () => ({
    query: queryEditor?.getValue() ?? '',
    variables: variableEditor?.getValue(),
    headers: headerEditor?.getValue(),
    operationName,
  });
  // The link follows what is typed: it is made when somebody is about to take it.
  const follow = ({ currentTarget }: { currentTarget: HTMLAnchorElement }) => {
    try {
      currentTarget.href = tableLink(format, question());
    } catch {
      // The variables are still being typed.
    }
  };
  const press = (event: MouseEvent<HTMLAnchorElement>) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    downloadTable(format, question()).catch((error: unknown) => responseEditor?.setValue(asAnswer(error)));
  };
  const name = format.toUpperCase();
  return (
    <a
      className="table-link"
      href={beside(`graphql.${format}`)}
      aria-label={`Download the answer as ${name}`}
      title={`The answer as ${name}: press to download, or copy the link`}
      onPointerEnter={follow}
      onFocus={follow}
      onContextMenu={follow}
      onClick={press}
    >
      {name}
    </a>
  );
}

/** Links to the answer of the question in the editor, as a table. */
export function TableLinks() {
  const operationName = useGraphiQL(state => state.operationName);
  return (
    <>
      <TableLink format="csv" operationName={operationName} />
      <TableLink format="ndjson" operationName={operationName} />
    </>
  );
}
