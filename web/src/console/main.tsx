import './styles/base.css';
import './styles/components.css';
import './styles/screens.css';
import './lib/theme';
import { render } from 'preact';
import { App } from './app';
import { followLinks } from './router';

followLinks();
const root = document.getElementById('root');
if (root !== null) render(<App />, root);
