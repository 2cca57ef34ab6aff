/** Numbers as people read them. */

const BYTES_A_STEP = 1000;

/** "512 bytes", "1.8 MB": decimal, as disks and file managers count. */
export function inBytes(bytes: number): string {
  if (bytes < BYTES_A_STEP) return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let amount = bytes / BYTES_A_STEP;
  let unit = 0;
  // 999.96 kB would be rounded to 1000.0.
  while (amount >= BYTES_A_STEP - 0.05 && unit < units.length - 1) {
    amount /= BYTES_A_STEP;
    unit += 1;
  }
  return `${amount.toFixed(1)} ${units[unit]}`;
}

/** The largest unit alone, for columns: "42s", "5m", "3h", "12d". */
export function age(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h`;
  return `${Math.floor(whole / 86_400)}d`;
}

/** Two units, for something that runs: "42 s", "5 min 03 s", "2 h 05 min". */
export function elapsed(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** Money without the noise of binary fractions: at most six decimals, two at least unless it is nothing. */
export function amountOf(amount: number): string {
  const rounded = Math.round(amount * 1e6) / 1e6;
  if (rounded === 0) return '0';
  const [whole = '0', decimals = ''] = rounded.toFixed(6).replace(/0+$/, '').split('.');
  return `${whole}.${decimals.padEnd(2, '0')}`;
}
