import { useEffect, useRef } from 'preact/hooks';
import { JsonTree } from '../../components/json-tree';
import { ErrorNotice, Notice, Skeleton } from '../../components/states';
import { Time } from '../../components/time';
import { isOpen } from '../../lib/labels';
import type { RunDetails, RunEvent } from './documents';
import { useEvents } from './use-events';

/** The page follows new events while its end is this near. */
const FOLLOW_PIXELS = 120;

/** The events of a run, oldest first; new ones are added at the end. */
export function Timeline({ run }: { run: RunDetails }) {
  const { events, isLoaded, hasEarlier, error, loadEarlier } = useEvents(run.id);
  useFollowEnd(events.length, isOpen(run.status));
  return (
    <>
      <div class="panel-head">
        <h2>Events</h2>
        {isOpen(run.status) && <span class="muted">new events appear here</span>}
      </div>
      {!isLoaded ? (
        <Skeleton rows={6} height={34} />
      ) : events.length === 0 && error !== undefined ? (
        <ErrorNotice error={error} retry={() => void loadEarlier()} />
      ) : events.length === 0 ? (
        <Notice icon="ring" title="No events">
          <p>The worker has not reported any.</p>
        </Notice>
      ) : (
        <>
          {hasEarlier && (
            <button type="button" class="more" onClick={() => void loadEarlier()}>
              Earlier events
            </button>
          )}
          <ol class="timeline">
            {events.map((event) => (
              <Event key={event.id} event={event} />
            ))}
          </ol>
        </>
      )}
    </>
  );
}

/** Event types are free texts; those that workers commonly use are recognised. */
function toneOf(type: string) {
  if (/error|fail|exception/i.test(type)) return 'bad';
  if (/warn|retry|lost/i.test(type)) return 'late';
  if (/complete|success|end/i.test(type)) return 'ok';
  return '';
}

function Event({ event }: { event: RunEvent }) {
  const hasDetails = event.details !== null && Object.keys(event.details).length > 0;
  return (
    <li class={toneOf(event.eventType)}>
      <Time iso={event.timestamp} precise /> <b>{event.eventType}</b> <span class="message">{event.message}</span>
      {hasDetails && (
        <details>
          <summary>Details</summary>
          <JsonTree value={event.details} />
        </details>
      )}
    </li>
  );
}

/** Scrolls on with the events of an open run, if the viewer is at the end. */
function useFollowEnd(count: number, isFollowing: boolean) {
  const wasAtEnd = useRef(false);
  useEffect(() => {
    const measure = () => {
      const { scrollHeight } = document.documentElement;
      const isScrolled = window.scrollY > 0;
      wasAtEnd.current = isScrolled && scrollHeight - window.scrollY - window.innerHeight < FOLLOW_PIXELS;
    };
    addEventListener('scroll', measure, { passive: true });
    return () => removeEventListener('scroll', measure);
  }, []);
  useEffect(() => {
    if (isFollowing && wasAtEnd.current) window.scrollTo({ top: document.documentElement.scrollHeight });
  }, [count]);
}
