export type Level = 'ok' | 'warning' | 'error';

/** What one look found. */
export interface Finding {
  /** Stable; several findings may share it. */
  id: string;
  /** `error`: jobs fail, or something will be lost; `warning`: it works less well than it could, or not as was meant. */
  level: Level;
  /** One sentence. */
  message: string;
  /** One sentence that says what to do, or a complete command; every warning and error has one. */
  remedy?: string;
}

export function ok(id: string, message: string): Finding {
  return { id, level: 'ok', message };
}

export function warning(id: string, message: string, remedy: string): Finding {
  return { id, level: 'warning', message, remedy };
}

export function error(id: string, message: string, remedy: string): Finding {
  return { id, level: 'error', message, remedy };
}

const WORST_FIRST: readonly Level[] = ['error', 'warning', 'ok'];

/** The same findings, the worst first, otherwise in their order. */
export function worstFirst(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((a, b) => WORST_FIRST.indexOf(a.level) - WORST_FIRST.indexOf(b.level));
}
