import type { Status } from '../api/graphql';
import { statusLabel } from '../lib/labels';
import { Icon, type IconName } from './icon';

const LOOKS: Record<Status, [tone: string, icon: IconName]> = {
  PENDING: ['off', 'ring'],
  RUNNING: ['run', 'dot'],
  COMPLETED: ['ok', 'check'],
  FAILED: ['bad', 'cross'],
  CANCELLED: ['off', 'bar'],
  UNKNOWN: ['off', 'bar'],
};

export function StatusTag({ status }: { status: Status }) {
  const [tone, icon] = LOOKS[status];
  return (
    <span class={`tag ${tone}`}>
      <Icon name={icon} />
      {statusLabel(status)}
    </span>
  );
}
