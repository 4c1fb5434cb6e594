import { type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { type Example, examples } from './examples';

function Examples() {
  const { addTab, changeTab, updateActiveTabValues } = useGraphiQLActions();
  const { tabs, activeTabIndex, queryEditor, variableEditor } = useGraphiQL(state => ({
    tabs: state.tabs,
    activeTabIndex: state.activeTabIndex,
    queryEditor: state.queryEditor,
    variableEditor: state.variableEditor,
  }));
  const tabOf = (example: Example) =>
    tabs.findIndex(tab => tab.query === example.query && tab.variables === example.variables);

  const open = (example: Example) => {
    const index = tabOf(example);
    if (index >= 0) {
      changeTab(index);
      return;
    }
    const { query, variables } = example;
    addTab();
    queryEditor?.setValue(query);
    variableEditor?.setValue(variables);
    updateActiveTabValues({ query, variables });
  };

  return (
    <section className="panel examples">
      <h2>Ask the graph</h2>
      <p>
        Each question is an operation, open in a tab and ready to run with the play button. Change its variables to ask
        about another company: any of its names will do, in any language.
      </p>
      <ul>
        {examples.map(example => (
          <li key={example.title}>
            <button type="button" aria-current={tabOf(example) === activeTabIndex} onClick={() => open(example)}>
              {example.title}
            </button>
          </li>
        ))}
      </ul>
      <p>Closed or changed one? It opens afresh from here.</p>
      <p>
        Where a token is needed, it goes into the tab Headers below the question, as{' '}
        <code>{'{"Authorization": "Bearer TOKEN"}'}</code>. It is forgotten with the page unless the settings say otherwise.
      </p>
    </section>
  );
}

const Icon = () => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round">
    <circle cx="12" cy="12" r="9.5" />
    <path d="M9.2 9.3a2.9 2.9 0 1 1 4.2 2.6c-.9.5-1.4 1.1-1.4 2.1M12 17.3v.1" />
  </svg>
);

/** A panel with all example questions: each opens in its tab. */
export const examplesPlugin: GraphiQLPlugin = { title: 'Examples', icon: Icon, content: Examples };
