import type { VNode } from 'preact';
import { AccessScreen } from './access/access-screen';
import { FailuresScreen } from './failures/failures-screen';
import { FreshnessScreen } from './freshness/freshness-screen';
import { RunScreen } from './run/run-screen';
import { RunsScreen } from './runs/runs-screen';
import { StatisticsScreen } from './statistics/statistics-screen';

interface Screen {
  path: string;
  title: string;
  matches: RegExp;
  render: (path: string) => VNode;
}

/** The screens, in the order of the navigation. */
export const SCREENS: Screen[] = [
  { path: '/', title: 'Freshness', matches: /^\/$/, render: () => <FreshnessScreen /> },
  {
    path: '/runs',
    title: 'Runs',
    matches: /^\/runs(\/[^/]+)?$/,
    render: (path) => (path.startsWith('/runs/') ? <RunScreen id={path.slice('/runs/'.length)} /> : <RunsScreen />),
  },
  { path: '/failures', title: 'Failures', matches: /^\/failures$/, render: () => <FailuresScreen /> },
  {
    path: '/statistics',
    title: 'Statistics',
    matches: /^\/statistics$/,
    render: () => <StatisticsScreen />,
  },
  { path: '/access', title: 'Access', matches: /^\/access$/, render: () => <AccessScreen /> },
];

export const screenOf = (path: string) => SCREENS.find(({ matches }) => matches.test(path));
