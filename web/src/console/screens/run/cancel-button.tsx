import { useMutation } from '@urql/preact';
import { useState } from 'preact/hooks';
import { hasScope, useViewer } from '../../api/viewer';
import { Dialog } from '../../components/dialog';
import { pairLabel } from '../../lib/labels';
import { CANCEL_RUN, type RunDetails } from './documents';

/** Cancels the run, for those who may, after confirmation. */
export function CancelButton({ run }: { run: RunDetails }) {
  const { viewer } = useViewer();
  const [isOpen, setOpen] = useState(false);
  if (!hasScope(viewer, 'operate')) return null;
  return (
    <>
      <button type="button" class="button danger" onClick={() => setOpen(true)}>
        Cancel run…
      </button>
      {isOpen && <Confirmation run={run} close={() => setOpen(false)} />}
    </>
  );
}

function Confirmation({ run, close }: { run: RunDetails; close: () => void }) {
  const [reason, setReason] = useState('');
  const [{ fetching, error }, cancel] = useMutation(CANCEL_RUN);
  const confirm = async (event: Event) => {
    event.preventDefault();
    const result = await cancel({ input: { runId: run.id, reason: reason.trim() || null } });
    if (result.error === undefined) close();
  };
  return (
    <Dialog title="Cancel this run?" close={close}>
      <p>
        {pairLabel(run.entityType, run.source)} is marked as cancelled. The next report of its worker is rejected;
        what it has written stays.
      </p>
      <form onSubmit={(event) => void confirm(event)}>
        <label class="field">
          Reason (optional)
          <input value={reason} maxLength={1000} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        {error !== undefined && (
          <p class="some" role="alert">
            {error.graphQLErrors[0]?.message ?? 'The server does not respond. Try again.'}
          </p>
        )}
        <div class="actions">
          <button type="button" class="button" onClick={close}>
            Keep it
          </button>
          <button class="button danger" disabled={fetching}>
            {fetching ? 'Cancelling…' : 'Cancel run'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
