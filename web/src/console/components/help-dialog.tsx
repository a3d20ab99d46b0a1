import { Dialog } from './dialog';

const KEYS: [keys: string[], meaning: string][] = [
  [['/'], 'Focus the filter'],
  [['j'], 'Next run'],
  [['k'], 'Previous run'],
  [['Enter'], 'Open the run'],
  [['n'], 'Show new runs'],
  [['g', 'f'], 'Freshness'],
  [['g', 'r'], 'Runs'],
  [['g', 'x'], 'Failures'],
  [['g', 's'], 'Statistics'],
  [['g', 'a'], 'Access'],
  [['Esc'], 'Close a menu or dialog'],
  [['?'], 'This help'],
];

export function HelpDialog({ close }: { close: () => void }) {
  return (
    <Dialog title="Keyboard" close={close}>
      <dl class="keys">
        {KEYS.map(([keys, meaning]) => (
          <div key={meaning}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog" class="actions">
        <button class="button">Close</button>
      </form>
    </Dialog>
  );
}
