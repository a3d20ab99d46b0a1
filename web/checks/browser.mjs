// A browser that reaches only the server under test.
import { chromium } from 'playwright-core';

export const STEP_TIMEOUT_MS = 15_000;

export const launch = (hostname) =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // In addition to the request filter below, no other host name resolves.
      `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${hostname}`,
    ],
  });

/**
 * Opens a browser context as a first-time visitor. Unexpected requests, responses and console messages are added to
 * `problems`; `isExpected` selects those that are part of the test, and `hosts` are
 * other hosts that pages may reach.
 */
export async function openContext(browser, base, problems, { isExpected = () => false, hosts = [], ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(STEP_TIMEOUT_MS);
  const isOurs = (address) => {
    const url = new URL(address);
    return [base.host, ...hosts].includes(url.host) || ['data:', 'blob:'].includes(url.protocol);
  };
  const report = (text) => {
    if (!isExpected(text)) problems.push(text.slice(0, 400));
  };
  await context.route(
    (url) => !isOurs(url.href),
    (route) => route.abort(),
  );
  context.on('request', (request) => {
    if (!isOurs(request.url())) report(`request to another host: ${request.url()}`);
  });
  context.on('response', (response) => {
    if (response.status() >= 400) report(`${response.status()} for ${response.url()}`);
  });
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) report(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => report(`uncaught: ${error.error().stack}`));
  return context;
}
