import { ACCOUNT_FAMILIES, type Family } from '../accounts/environment.js';
import { settingDefaults } from '../config.js';
import { DEFAULT_RESPONSES_MODEL } from '../generators/openai/request.js';
import { SETTING_TEXTS, TEMPORAL_VARIABLES, type Reader, type SettingGroup } from './settings.js';
import { table } from './table.js';

/** The settings of one group, with the defaults of the schema. */
export function settingsTable(group: SettingGroup): string {
  const defaults = settingDefaults();
  const rows = Object.entries(SETTING_TEXTS)
    .filter(([, setting]) => setting.group === group)
    .map(([name, { readBy, unset, text }]) => [`\`${name}\``, unset ?? shown(name, defaults), readers(readBy), text]);
  return table(['Name', 'Default', 'Read by', 'What it does'], rows);
}

function shown(name: string, defaults: ReturnType<typeof settingDefaults>): string {
  const value = Object.entries(defaults).find(([known]) => known === name)?.[1];
  if (value === false) return 'off';
  if (value === undefined) throw new Error(`${name} has no default to show; its entry needs "unset"`);
  return code(String(value));
}

function readers(readBy: readonly Reader[]): string {
  return readBy.join(', ');
}

/** Keys, URLs and models: one row a variable, one family an account. */
export function accountsTable(): string {
  return table(['Name', 'Default', 'What it is'], ACCOUNT_FAMILIES.flatMap(familyRows));
}

function familyRows({ key, url, defaultUrl, providers, models }: Family): string[][] {
  const whose = `of ${providers.map(code).join(' and ')}`;
  const rows =
    defaultUrl === undefined
      ? [
          [code(url), 'none', `Base URL ${whose}, a server of your own: it alone makes the account.`],
          [code(key), 'none', `Key that is sent to ${code(url)}, if something there asks for one.`],
        ]
      : [
          [code(key), 'none', `Key ${whose}.`],
          [code(url), code(defaultUrl), `Base URL that ${code(key)} is sent to, and no other key.`],
        ];
  if (models?.image !== undefined) rows.push([code(models.image), 'the provider’s choice', `Image model (\`gpt-image-*\`) of calls that name none, with ${code(key)}.`]);
  if (models?.responses !== undefined) rows.push([code(models.responses), code(DEFAULT_RESPONSES_MODEL), `Responses model of calls that name none, with ${code(key)}.`]);
  return rows;
}

/** What @temporalio/envconfig reads beside our own settings. */
export function temporalTable(): string {
  return table(
    ['Name', 'What it does'],
    Object.entries(TEMPORAL_VARIABLES).map(([name, text]) => [code(name), text]),
  );
}

function code(text: string): string {
  return `\`${text}\``;
}
