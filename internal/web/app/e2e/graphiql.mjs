// Drives the GraphiQL of a running server in a real browser, as a first-time
// visitor would, with the network cut off at the server's own origin.
//
//   npm run e2e -- http://127.0.0.1:8080 [--screenshot DIR]
//
// CHROMIUM names the browser, /usr/bin/chromium by default. Exit code 0 when
// every check passed.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { screenshot: { type: 'string' } },
});
if (positionals.length !== 1) {
  console.error('usage: graphiql.mjs BASE_URL [--screenshot DIR]');
  process.exit(2);
}
const base = new URL(positionals[0].replace(/\/*$/, '/'));
const endpoint = new URL('graphql', base).href;

const folder = new URL('../../examples/', import.meta.url);
const examples = readdirSync(folder)
  .filter(name => name.endsWith('.graphql'))
  .sort()
  .map(name => {
    const text = file => readFileSync(new URL(file, folder), 'utf8').trimEnd();
    const query = text(name);
    return {
      query,
      variables: text(name.replace('.graphql', '.variables.json')),
      title: query.split('\n')[0].slice(2),
      operation: /^(?:query|subscription) (\w+)/m.exec(query)[1],
      subscription: /^subscription /m.test(query),
    };
  });
const operations = examples.map(example => example.operation);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${base.hostname}`,
  ],
});

// What must stay empty until the end.
const complaints = [];

async function openPage(colorScheme) {
  const context = await browser.newContext({ colorScheme, viewport: { width: 1440, height: 900 } });
  await context.route('**/*', route => {
    const { origin, href } = new URL(route.request().url());
    if (origin === base.origin) return route.continue();
    complaints.push(`request to another origin: ${href}`);
    return route.abort();
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('console', message => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', error => complaints.push(`exception: ${error.message}`));
  page.on('response', response => {
    if (response.status() >= 400) complaints.push(`${response.status()} for ${response.url()}`);
  });
  await load(page, () => page.goto(new URL('graphiql', base).href));
  return page;
}

/** Navigates and waits until the editors stand and the schema has been read. */
async function load(page, navigate) {
  const schema = page.waitForResponse(
    response => response.url() === endpoint && response.request().postData().includes('IntrospectionQuery'),
  );
  await navigate();
  assert.equal((await schema).status(), 200, 'introspection');
  await page.locator('.graphiql-query-editor .view-lines').waitFor();
}

/** The whole text of an editor: Monaco keeps only the visible lines in the page. */
const editorText = (page, name) =>
  page.evaluate(
    end => globalThis.__MONACO.editor.getModels().find(model => model.uri.path.endsWith(end)).getValue(),
    name,
  );

/** A tab; its own name for a screen reader also holds that of its close button. */
const tab = (page, operation) =>
  page.getByRole('tab').filter({ has: page.getByRole('button', { name: operation, exact: true }) });

const tabNames = page => page.getByRole('tab').allInnerTexts();

async function shot(page, name) {
  if (!flags.screenshot) return;
  mkdirSync(flags.screenshot, { recursive: true });
  await page.screenshot({ path: join(flags.screenshot, `${name}.png`) });
}

async function runExample(page, { operation, query, variables, subscription }) {
  await tab(page, operation).click();
  assert.equal((await editorText(page, 'operation.graphql')).trimEnd(), query, 'query in the editor');
  assert.equal((await editorText(page, 'variables.json')).trimEnd(), variables, 'variables in the editor');

  if (subscription) return runSubscription(page);

  const answered = page.waitForResponse(
    response => response.url() === endpoint && response.request().postDataJSON().operationName === operation,
  );
  await page.getByRole('button', { name: /^Execute query/ }).click();
  const response = await answered;
  assert.equal(response.status(), 200, 'status');
  assert.deepEqual(response.request().postDataJSON().variables, JSON.parse(variables), 'variables sent');

  const pane = page.locator('.result-window .view-lines');
  await pane.getByText('"data"').waitFor();
  const shown = JSON.parse(await editorText(page, 'response.json'));
  assert.deepEqual(shown.errors, undefined, 'errors in the result pane');
  assert.deepEqual(shown, await response.json(), 'the result pane shows the answer');
}

/** Runs the subscription in the editor until its first update is shown, and ends it. */
async function runSubscription(page) {
  const opened = page.waitForEvent('websocket');
  await page.getByRole('button', { name: /^Execute query/ }).click();
  const socket = await opened;
  assert.equal(socket.url(), endpoint.replace(/^http/, 'ws'), 'address of the WebSocket');
  await page.locator('.result-window .view-lines').getByText('"data"').waitFor();
  const [update] = [JSON.parse(await editorText(page, 'response.json'))].flat();
  assert.deepEqual(update.errors, undefined, 'errors in the result pane');
  assert.equal(update.data.changes.touched[0].id, 'alibaba-group', 'the update tells of what was asked for');
  const closed = socket.waitForEvent('close');
  await page.getByRole('button', { name: /^Stop query/ }).click();
  await closed;
}

/** Runs one named check and carries on after a failure, so that a run tells all. */
let failures = 0;
async function check(name, run) {
  const started = performance.now();
  try {
    await run();
    console.log(`ok    ${name} (${Math.round(performance.now() - started)} ms)`);
  } catch (error) {
    failures++;
    console.log(`FAIL  ${name}\n      ${String(error.message).replaceAll('\n', '\n      ')}`);
  }
}

const page = await openPage('light');

await check('title and tabs of a first visit', async () => {
  assert.equal(await page.title(), 'Keiretsu GraphiQL');
  assert.deepEqual(await tabNames(page), operations);
  await page.getByRole('heading', { name: 'Ask the graph' }).waitFor();
  for (const { title } of examples) {
    await page.getByRole('button', { name: title, exact: true }).waitFor();
  }
});
await shot(page, 'first-visit');

for (const example of examples) {
  await check(example.title, () => runExample(page, example));
  await shot(page, example.operation);
}

const tableLink = (page, format) => page.getByRole('link', { name: `Download the answer as ${format}` });

/** Presses a link and returns the name and the text of the file that comes. */
async function downloaded(page, link) {
  const [file] = await Promise.all([page.waitForEvent('download'), link.click()]);
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

await check('the answer as a table', async () => {
  const [{ operation }] = examples;
  await tab(page, operation).click();
  const column = 'company.acquisitions.edges.node.name';
  for (const [format, names] of [
    ['CSV', lines => lines.slice(1).map(line => line.split(',')[lines[0].split(',').indexOf(column)])],
    ['NDJSON', lines => lines.map(line => JSON.parse(line)[column])],
  ]) {
    const file = await downloaded(page, tableLink(page, format));
    assert.equal(file.name, `${operation}.${format.toLowerCase()}`, 'name of the file');
    const text = file.bytes.toString();
    assert.deepEqual(names(text.trim().split(/\r?\n/)), ['Alibaba Pictures', 'Amap'], format);
    const copied = await fetch(await tableLink(page, format).getAttribute('href'));
    assert.equal(await copied.text(), text, 'the link alone leads to the same');
  }
});
await shot(page, 'table links');

await check('a table with a token, and a question that has none', async () => {
  const visitor = await openPage('light');
  await visitor.getByRole('button', { name: 'Headers', exact: true }).click();
  const write = (name, text) =>
    visitor.evaluate(
      ([end, value]) => globalThis.__MONACO.editor.getModels().find(model => model.uri.path.endsWith(end)).setValue(value),
      [name, text],
    );
  await write('request-headers.json', '{"X-Request-Id": "sent-with-the-table"}');
  const sent = visitor.waitForRequest(request => request.url().includes('/graphql.csv?'));
  await downloaded(visitor, tableLink(visitor, 'CSV'));
  assert.equal((await sent).headers()['x-request-id'], 'sent-with-the-table', 'header sent');
  assert.ok(!(await tableLink(visitor, 'CSV').getAttribute('href')).includes('sent-with'), 'no header in the link');

  await write('operation.graphql', '{ nothing }');
  const before = complaints.length;
  await tableLink(visitor, 'NDJSON').click();
  await visitor.locator('.result-window .view-lines').getByText('GRAPHQL_VALIDATION_FAILED').waitFor();
  complaints.length = before; // the answer 400 was asked for
});

await check('headers editor', async () => {
  await page.getByRole('button', { name: 'Headers', exact: true }).click();
  await page.locator('.graphiql-editor:not(.hidden)').nth(1).waitFor();
});

await check('a token is sent, and not kept', async () => {
  const visitor = await openPage('light');
  await visitor.getByRole('button', { name: 'Headers', exact: true }).click();
  await visitor.evaluate(
    text => globalThis.__MONACO.editor.getModels().find(model => model.uri.path.endsWith('request-headers.json')).setValue(text),
    '{"X-Request-Id": "not-to-be-kept"}',
  );
  const sent = visitor.waitForRequest(
    request => request.url() === endpoint && request.postData().includes(operations[0]),
  );
  await visitor.getByRole('button', { name: /^Execute query/ }).click();
  assert.equal((await sent).headers()['x-request-id'], 'not-to-be-kept', 'header sent');
  await visitor.locator('.result-window .view-lines').getByText('"data"').waitFor();
  await visitor.waitForFunction(() => localStorage.getItem('keiretsu:graphiql:queries') !== null);
  const kept = await visitor.evaluate(() => JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }));
  assert.ok(kept.includes(operations[0]), 'the question is kept');
  assert.ok(!kept.includes('not-to-be-kept'), 'the header is not kept');
});

for (const [panel, landmark] of [
  ['Documentation Explorer', '.graphiql-doc-explorer'],
  ['GraphiQL Explorer', '.graphiql-explorer-root'],
  ['History', '.graphiql-history'],
  ['Exports', '.exports li'],
]) {
  await check(`panel ${panel}`, async () => {
    await page.getByRole('button', { name: `Show ${panel}` }).click();
    await page.locator(landmark).first().waitFor();
  });
  await shot(page, `panel ${panel}`);
}

await check('the whole graph as a file', async () => {
  const names = await page.locator('.exports li a').allInnerTexts();
  assert.ok(names.includes('jsonl') && names.includes('csv') && names.includes('nquads'), `formats: ${names}`);
  const file = await downloaded(page, page.locator('.exports').getByRole('link', { name: 'jsonl', exact: true }));
  assert.equal(file.name, 'keiretsu.jsonl');
  assert.ok(file.bytes.toString().includes('"alibaba-group"'), 'it holds the graph');
});

await check('a closed tab stays closed, and its question can be opened again', async () => {
  const [closed, ...kept] = operations;
  const first = tab(page, closed);
  await first.hover();
  await first.getByRole('button', { name: 'Close Tab' }).click();
  assert.deepEqual(await tabNames(page), kept);
  // GraphiQL stores its tabs a moment later.
  await page.waitForFunction(
    name => !localStorage.getItem('keiretsu:graphiql:tabState').includes(`query ${name}`),
    closed,
  );
  await load(page, () => page.reload());
  assert.deepEqual(await tabNames(page), kept);

  await page.getByRole('button', { name: 'Show Examples' }).click();
  await page.getByRole('button', { name: examples[0].title, exact: true }).click();
  await tab(page, closed).waitFor();
  assert.deepEqual(await tabNames(page), [...kept, closed]);
  await runExample(page, examples[0]);
});

await check('dark theme', async () => {
  const dark = await openPage('dark');
  await runExample(dark, examples[0]);
  await shot(dark, 'dark');
});

await check('nothing left the origin, no errors in the console', async () => {
  assert.deepEqual(complaints, []);
});

await browser.close();
console.log(failures ? `${failures} failed` : 'all passed');
process.exit(failures ? 1 : 0);
