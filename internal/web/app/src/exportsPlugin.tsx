import { type GraphiQLPlugin, useGraphiQL } from '@graphiql/react';
import { type MouseEvent, useEffect, useState } from 'react';
import { beside, download, headersIn } from './downloads';

interface Format {
  name: string;
  help: string;
  file: string;
}

function Exports() {
  const headerEditor = useGraphiQL(state => state.headerEditor);
  const [formats, setFormats] = useState<Format[]>();
  const [trouble, setTrouble] = useState('');
  const told = (error: unknown) => setTrouble(error instanceof Error ? error.message : String(error));

  useEffect(() => {
    fetch(beside('export'), { headers: headersIn(headerEditor?.getValue()) })
      .then(async response => {
        if (response.ok) setFormats((await response.json()).formats);
        else if (response.status === 404) setFormats([]);
        else told(await response.text());
      })
      .catch(told);
  }, [headerEditor]);

  const press = (event: MouseEvent<HTMLAnchorElement>) => {
    const headers = headerEditor?.getValue();
    if (Object.keys(headersIn(headers)).length === 0) return; // the browser saves it as it comes
    event.preventDefault();
    setTrouble('');
    download(event.currentTarget.href, headers).catch(told);
  };

  return (
    <section className="panel exports">
      <h2>Take it along</h2>
      <p>
        The answer to the question in the editor, as a table: the links <b>CSV</b> and <b>NDJSON</b> beside it. Each holds the
        whole question, so that a spreadsheet, pandas or R reads it anew from there.
      </p>
      <p>The whole graph, as a file:</p>
      {formats?.length === 0 && <p>This server gives none.</p>}
      <ul>
        {formats?.map(format => (
          <li key={format.name}>
            <a href={beside(`export/${format.name}`)} download={format.file} onClick={press}>
              {format.name}
            </a>
            {' '}
            {format.help}
          </li>
        ))}
      </ul>
      {trouble && <p role="alert">{trouble}</p>}
    </section>
  );
}

const Icon = () => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round">
    <path d="M12 3v12M7.5 10.5 12 15l4.5-4.5M4 17v3.5h16V17" />
  </svg>
);

/** A panel with links to all of the graph in every format there is. */
export const exportsPlugin: GraphiQLPlugin = { title: 'Exports', icon: Icon, content: Exports };
