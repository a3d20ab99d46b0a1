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
      // Used if the browser has no stored tabs. "Clear data" in the settings
      // restores them.
      defaultTabs={examples}
      // Some examples need variables.
      defaultEditorToolsVisibility="variables"
      // Headers may contain credentials, which must not be written to localStorage.
      shouldPersistHeaders={false}
      // Includes deprecated arguments and input fields in introspection.
      inputValueDeprecation
    >
      <GraphiQL.Logo>
        <span className="brand">sync-history</span>
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

createRoot(document.getElementById('root')!).render(<Explorer />);
