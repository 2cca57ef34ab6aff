/**
 * Takes the pictures of docs/web-ui.md from the real Web UI: a local stack of its own, jobs in every state at a fake
 * provider, headless Chromium. Not part of any build; after a change of what the UI shows:
 *
 *     apt-get install chromium fonts-inter
 *     npm run build && npx tsc -p tsconfig.bench.json && node scripts/screenshots.mjs
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import envPaths from 'env-paths';
import sharp from 'sharp';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CLI = join(ROOT, 'dist', 'cli.js');
const REFERENCES = join(ROOT, 'examples', 'references');
const IMAGES = join(ROOT, 'docs', 'images');
/** Shown in the pictures, so it names nobody's machine. */
const FOLDER = '/tmp/images-demo';
const HOST = 'images-demo';
/** A job's ID fits into its heading. */
const WIDTH = 1360;
const MOST_BYTES = 150_000;
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const PUPPETEER = 'puppeteer-core@24.43.1';

const tools = process.env['IMAGES_DEMO_TOOLS'];
if (tools === undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'screenshots-'));
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefix', folder, PUPPETEER], { stdio: 'inherit' });
  // Again with a host name that may be shown, and with nothing of this environment, above all without its keys.
  const env = {
    PATH: process.env['PATH'],
    HOME: homedir(),
    TZ: 'UTC',
    CHROMIUM,
    IMAGES_DEMO_TOOLS: folder,
    IMAGE_DATA_DIR: join(FOLDER, 'data'),
    IMAGE_SAVE_ROOT: join(FOLDER, 'pictures'),
    IMAGE_CACHE_DIR: envPaths('durable-image-mcp', { suffix: '' }).cache,
    IMAGE_REFERENCE_ROOTS: REFERENCES,
    IMAGE_LOG_LEVEL: 'warn',
  };
  const self = [process.execPath, fileURLToPath(import.meta.url)];
  const again = ['--user', '--map-root-user', '--uts', 'sh', '-c', `hostname ${HOST} && exec "$@"`, 'sh', ...self];
  const { status } = spawnSync('unshare', again, { env, stdio: 'inherit' });
  rmSync(folder, { recursive: true, force: true });
  process.exit(status ?? 1);
}

const { ImageJobs, readSettings } = await import(join(ROOT, 'dist/client/index.js'));
const { startFakeOpenAi } = await import(join(ROOT, 'dist-tools/test/support/fake-openai.js'));

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER);
mkdirSync(IMAGES, { recursive: true });
const fake = await startFakeOpenAi({ complete_after_ms: 4000 });
let browser;
try {
  const jobs = await makeJobs();
  browser = await createRequire(join(tools, 'index.js'))('puppeteer-core').launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  await takePictures(jobs);
} finally {
  await browser?.close();
  down();
  await fake.close();
  rmSync(FOLDER, { recursive: true, force: true });
}

/** A client with a key of its own. */
async function connect(key) {
  const env = { ...process.env, OPENAI_API_KEY: key, OPENAI_BASE_URL: fake.url };
  const client = await ImageJobs.open(readSettings(env), env);
  return {
    client,
    async start(kind, prompt, more = {}) {
      for (;;) {
        try {
          return (await client.start(kind, { provider: 'openai', ...more, prompt })).job_id;
        } catch (error) {
          if (error.code !== 'STARTING') throw error;
          await delay(500);
        }
      }
    },
  };
}

function down() {
  execFileSync(process.execPath, [CLI, 'down'], { stdio: 'ignore' });
}

/** Their IDs by what they show, and the address of the UI. */
async function makeJobs() {
  // Its client goes, and the stack forgets the key with it.
  fake.fault({ kind: 'rate_limited', retry_after: '1', match: 'lighthouse', times: 100 });
  const first = await connect('key-of-the-first-client');
  const waiting = await first.start('image_generate', 'A logo with a lighthouse, flat colours', { tags: ['brand'] });
  await fake.waitForRequest(({ prompt }) => prompt?.includes('lighthouse'));
  await first.client.close();
  down();
  fake.clearFaults();

  const { client, start } = await connect('key-of-the-second-client');
  const references = ['chelsea.png', 'coffee.png', 'rocket.jpg'].map((name) => join(REFERENCES, name));
  const draft = await start('image_generate', 'The poster, a first sketch', { tags: ['poster'], provider: 'local' });
  const batch = await start('image_batch_edit', 'Remove the background', { tags: ['catalogue'], image_paths: references });
  const cover = 'The cat of the first picture drinks the coffee of the second and watches the rocket of the third lift off';
  const completed = await start('image_multi_reference', cover, { tags: ['cover', 'issue-12'], image_paths: references });
  fake.fault({ kind: 'reply_lost', match: 'mountain' });
  const failed = await start('image_generate', 'A mountain village under snow, oil painting', { tags: ['calendar'] });
  fake.fault({ kind: 'never_done', match: 'first idea' });
  const cancelled = await start('image_generate', 'A rose garden, first idea', { tags: ['poster'] });
  await fake.waitForRequest(({ method, prompt }) => method === 'GET' && prompt?.includes('first idea'));
  await client.cancel(cancelled, 'not needed any more');
  fake.fault({ kind: 'rate_limited', retry_after: '900', match: 'fox', times: 100 });
  await start('image_generate', 'A fox in a birch wood, paper cut', { tags: ['calendar'] });
  // Two of its three pictures take their time.
  fake.fault({ kind: 'never_done', match: 'after the rain', times: 2 });
  const running = await start('image_generate', 'A rose garden after the rain, photograph', { n: 3, tags: ['poster'] });
  await client.wait({ jobIds: [draft, batch, completed, failed, cancelled], until: 'all', timeoutSeconds: 60 });
  await until(async () => (await client.status(running)).progress?.completed === 1);
  await until(async () => (await client.status(waiting)).stage === 'waiting_for_key');
  const { ui_url: link } = (await client.status(running)).temporal;
  await client.close();
  return { waiting, completed, failed, running, workflows: link.slice(0, link.lastIndexOf('/')) };
}

async function until(look) {
  for (const deadline = Date.now() + 60_000; !(await look()); await delay(100)) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${look}`);
  }
}

async function takePictures({ waiting, completed, failed, running, workflows }) {
  const page = await browser.newPage();
  await page.setViewport({ width: WIDTH, height: 660 });

  // The columns that a person chooses with the gear below the list.
  const columns = ['Status', 'Workflow ID', 'Start', 'ImageKind', 'ImageProvider', 'ImageTags'].map((label) => ({ label }));
  await page.evaluateOnNewDocument((value) => localStorage.setItem('namespace-workflow-table-columns', value), JSON.stringify({ default: columns }));
  await page.goto(`${workflows}?query=${encodeURIComponent('WorkflowType="imageJob"')}`);
  await shows(page, running, 'ImageTags');
  // Room for the columns.
  await page.evaluate(() => {
    const title = [...document.querySelectorAll('body *')].findLast(({ innerText }) => innerText === 'Saved Views');
    title.parentElement.querySelector('button').click();
  });
  await delay(500);
  await picture(page, 'list');
  await page.setViewport({ width: WIDTH, height: 1400 });

  await tab(page, running, 'user-metadata', 'Images: 1 of 3');
  await picture(page, 'running', { below: 'at openai' });

  await open(page, completed);
  await shows(page, 'storeOutputs', '1 image');
  await picture(page, 'history', { above: 'Compact', gap: 28 });

  await tab(page, waiting, 'pending-activities', 'WAITING_FOR_KEY');
  await picture(page, 'waiting', { above: 'Stack Trace' });

  await tab(page, failed, 'user-metadata', 'MAYBE_BILLED');
  await picture(page, 'failed', { below: 'at openai' });

  await open(page, running);
  await shows(page, 'Request Cancellation');
  for (const button of await page.$$('button[aria-controls="workflow-actions"]')) if (await button.isVisible()) await button.click();
  await shows(page, 'Terminate');
  await picture(page, 'actions', { below: 'Like This One' });
}

async function open(page, jobId) {
  await page.goto(`${page.url().replace(/\/workflows.*/, '/workflows')}/${jobId}`, { waitUntil: 'networkidle2' });
}

/** A tab of a job's page. */
async function tab(page, jobId, name, text) {
  await open(page, jobId);
  await page.goto(page.url().replace(/\/history$/, `/${name}`), { waitUntil: 'networkidle2' });
  await shows(page, text);
}

/** Waits until every text is on the page or in a frame of it. */
async function shows(page, ...texts) {
  await until(async () => {
    const parts = await Promise.all(page.frames().map(async (frame) => await frame.evaluate(() => document.body?.innerText ?? '').catch(() => '')));
    return texts.every((text) => parts.join('\n').includes(text));
  });
  // The bars of the timeline and the frames grow into their places.
  await delay(1000);
}

/** What the window shows: all of it, down to a text, or to the line above one. */
async function picture(page, name, { below, above, gap = 14 } = {}) {
  const { top, bottom } = await page.evaluate((text) => {
    // The last one is the innermost.
    const marked = [...document.querySelectorAll('body *')].filter((one) => one.innerText?.includes(text) && one.checkVisibility());
    const { top, bottom } = (marked.at(-1) ?? document.body).getBoundingClientRect();
    return { top, bottom };
  }, below ?? above);
  const height = Math.ceil(above === undefined ? bottom + (below === undefined ? 0 : 24) : top - gap);
  const png = await page.screenshot({ clip: { x: 0, y: 0, width: WIDTH, height } });
  const file = join(IMAGES, `web-ui-${name}.png`);
  const { size } = await sharp(png).png({ palette: true, colours: 128, effort: 10 }).toFile(file);
  if (size > MOST_BYTES) throw new Error(`${file} has ${size} bytes`);
  console.log(`${file}: ${WIDTH}x${height}, ${size} bytes`);
}
