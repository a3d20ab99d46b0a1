import './workers';
import './style.css';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';
import { examples } from './examples';
import { fetcher } from './fetcher';

function Explorer() {
  return (
    <GraphiQL
      fetcher={fetcher}
      // Only for a browser that has no tabs stored yet. After that GraphiQL
      // restores its own; "Clear data" in its settings brings these back.
      defaultTabs={examples}
      // Some examples have variables to fill in: show where.
      defaultEditorToolsVisibility="variables"
      // Headers may hold credentials, which do not belong in localStorage.
      shouldPersistHeaders={false}
      // Arguments and input fields may be deprecated too.
      inputValueDeprecation
    >
      <GraphiQL.Logo>
        <span className="brand">sync-history</span>
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

createRoot(document.getElementById('root')!).render(<Explorer />);
