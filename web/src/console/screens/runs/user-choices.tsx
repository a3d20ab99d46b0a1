import { useQuery } from '@urql/preact';
import { useState } from 'preact/hooks';
import { USERS } from './documents';
import type { RunQuery } from './run-query';

interface Props {
  value: RunQuery['triggeredBy'];
  onChange: (value: RunQuery['triggeredBy']) => void;
}

/** Users to search for, and the system. */
export function UserChoices({ value, onChange }: Props) {
  const [search, setSearch] = useState('');
  const [{ data, fetching }] = useQuery({ query: USERS, variables: { search } });
  const users = data?.users?.nodes ?? [];
  const selected = value === 'system' ? [] : value;
  const toggle = (id: string) =>
    onChange(selected.includes(id) ? selected.filter((one) => one !== id) : [...selected, id]);
  return (
    <>
      <input
        type="search"
        placeholder="Name or e-mail…"
        aria-label="Search users"
        value={search}
        onInput={(event) => setSearch(event.currentTarget.value)}
      />
      <label class="choice">
        <input
          type="checkbox"
          checked={value === 'system'}
          onChange={() => onChange(value === 'system' ? [] : 'system')}
        />
        The system
      </label>
      {users.map((user) => (
        <label class="choice" key={user.id} title={user.email}>
          <input type="checkbox" checked={selected.includes(user.id)} onChange={() => toggle(user.id)} />
          {user.fullName}
        </label>
      ))}
      {users.length === 0 && !fetching && <p class="muted">No user of this name</p>}
    </>
  );
}
