import 'graphiql/setup-workers/vite';
// The parts of graphiql/style.css without its second copy of Monaco's styles.
import '@graphiql/react/font/roboto.css';
import '@graphiql/react/font/fira-code.css';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import '@graphiql/plugin-explorer/style.css';
import './style.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { createRoot } from 'react-dom/client';
import { examples } from './examples';
import { examplesPlugin } from './examplesPlugin';
import { exportsPlugin } from './exportsPlugin';
import { fetcher } from './fetcher';
import { headersAreKept, isFirstVisit, storage } from './storage';
import { TableLinks } from './tableLinks';

const plugins = [examplesPlugin, explorerPlugin(), HISTORY_PLUGIN, exportsPlugin];

createRoot(document.getElementById('root')!).render(
  <GraphiQL
    fetcher={fetcher}
    storage={storage}
    plugins={plugins}
    defaultTabs={examples}
    // GraphiQL fills the first tab's query from defaultTabs, but not its variables.
    initialVariables={isFirstVisit ? examples[0].variables : undefined}
    visiblePlugin={isFirstVisit ? examplesPlugin : undefined}
    defaultEditorToolsVisibility="variables"
    // The place for a token. It is not kept beyond the page unless the settings say so.
    isHeadersEditorEnabled
    showPersistHeadersSettings
    shouldPersistHeaders={headersAreKept()}
  >
    <GraphiQL.Logo>Keiretsu</GraphiQL.Logo>
    <GraphiQL.Toolbar>
      {({ prettify, merge, copy }) => (
        <>
          {prettify}
          {merge}
          {copy}
          <TableLinks />
        </>
      )}
    </GraphiQL.Toolbar>
  </GraphiQL>,
);
