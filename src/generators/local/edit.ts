import type { Rgb } from './colour.js';

/** One operation of an edit, with its amounts settled as far as the prompt says them. */
export type Edit =
  | { type: 'crop'; to: CropTo }
  | { type: 'resize'; to: ResizeTo }
  | { type: 'rotate'; degrees: number }
  | { type: 'flip'; direction: 'horizontally' | 'vertically' }
  | { type: 'grayscale' }
  | { type: 'sepia' }
  | { type: 'invert' }
  /** Sigma in pixels, or a strength where 1 is the usual one for the picture's size. */
  | { type: 'blur'; sigma?: number; strength: number }
  | { type: 'sharpen'; strength: number }
  /** 1 leaves the picture as it is. */
  | { type: 'brightness' | 'contrast' | 'saturation'; factor: number }
  | { type: 'tint'; colour: Rgb; name: string }
  | { type: 'border'; colour: Rgb; name: string; pixels?: number }
  | { type: 'caption'; text: string };

export type CropTo =
  | { width: number; height: number }
  /** Width over height of the largest part around the centre. */
  | { ratio: number; name: string }
  /** Part of each edge that stays, around the centre. */
  | { part: number }
  | { half: 'left' | 'right' | 'top' | 'bottom' };

export type ResizeTo = { width: number; height: number } | { width: number } | { height: number } | { part: number };

const GEOMETRY: ReadonlySet<Edit['type']> = new Set(['crop', 'resize', 'rotate', 'flip', 'border']);

/** Whether an operation moves pixels, so that it cannot be confined to a mask. */
export function movesPixels(edit: Edit): boolean {
  return GEOMETRY.has(edit.type);
}

/** The operation in the words of the notes. */
export function describeEdit(edit: Edit): string {
  const percent = (part: number): string => `${Math.round(part * 100)}%`;
  switch (edit.type) {
    case 'crop': {
      const { to } = edit;
      if ('width' in to) return `crop to ${to.width}x${to.height}`;
      if ('ratio' in to) return `crop to ${to.name}`;
      return 'part' in to ? `crop to the middle ${percent(to.part)}` : `crop to the ${to.half} half`;
    }
    case 'resize': {
      const { to } = edit;
      if ('part' in to) return `resize to ${percent(to.part)}`;
      if ('width' in to && 'height' in to) return `resize to ${to.width}x${to.height}`;
      return 'width' in to ? `resize to ${to.width} pixels wide` : `resize to ${to.height} pixels high`;
    }
    case 'rotate':
      return `rotate ${Math.abs(edit.degrees)} degrees ${edit.degrees < 0 ? 'counterclockwise' : 'clockwise'}`;
    case 'flip':
      return `flip ${edit.direction}`;
    case 'blur':
      return edit.sigma === undefined ? 'blur' : `blur by ${edit.sigma} pixels`;
    case 'brightness':
    case 'contrast':
    case 'saturation':
      return `${edit.type} ${edit.factor < 1 ? '-' : '+'}${percent(Math.abs(edit.factor - 1))}`;
    case 'tint':
      return `tint ${edit.name}`;
    case 'border':
      return `${edit.name} border${edit.pixels === undefined ? '' : ` of ${edit.pixels} pixels`}`;
    case 'caption':
      return `caption "${edit.text.length > 60 ? `${Array.from(edit.text).slice(0, 60).join('')}…` : edit.text}"`;
    default:
      return edit.type;
  }
}
