import { Notice } from '../../components/states';
import { Snippets } from '../access/snippets';

/** There is no run yet: how to report the first one. */
export function ReportingHelp() {
  return (
    <Notice icon="ring" title="No run has been reported yet">
      <p>A worker reports a run when it starts, and again when it ends. Try it: this page shows the run at once.</p>
      <Snippets />
    </Notice>
  );
}
