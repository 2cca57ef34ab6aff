import type { Colour } from './colour.js';
import { toHex } from './colour.js';

/**
 * An SVG under construction. Only numbers and colours of ours go in: the prompt's text never does
 * (captions are outlines), so nothing in a prompt can become markup.
 */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  add(...elements: string[]): void;
  /** A fill from top to bottom, or from left to right. */
  linear(stops: readonly Stop[], direction?: 'down' | 'right' | 'diagonal'): string;
  /** A fill from the centre outwards. */
  radial(stops: readonly Stop[]): string;
  /** The elements and fills so far, without the outer element. */
  content(): string;
}

export interface Stop {
  at: number;
  colour: Colour;
  opacity?: number;
}

/** `prefix` keeps the ids of two drawings apart that end up in one SVG. */
export function createDrawing(width: number, height: number, prefix = 'g'): Drawing {
  const definitions: string[] = [];
  const body: string[] = [];
  const gradient = (tag: string, attributes: string, stops: readonly Stop[]): string => {
    const id = `${prefix}${definitions.length}`;
    const inner = stops
      .map(({ at, colour, opacity }) => {
        const alpha = opacity === undefined ? '' : ` stop-opacity="${num(opacity)}"`;
        return `<stop offset="${num(at)}" stop-color="${toHex(colour)}"${alpha}/>`;
      })
      .join('');
    definitions.push(`<${tag} id="${id}"${attributes}>${inner}</${tag}>`);
    return `url(#${id})`;
  };
  const DIRECTIONS = { down: ' x2="0" y2="1"', right: '', diagonal: ' x2="1" y2="1"' };
  return {
    width,
    height,
    add: (...elements) => void body.push(...elements),
    linear: (stops, direction = 'down') => gradient('linearGradient', DIRECTIONS[direction], stops),
    radial: (stops) => gradient('radialGradient', '', stops),
    content: () => `<defs>${definitions.join('')}</defs>${body.join('')}`,
  };
}

/** A whole SVG of `width` x `height` pixels. */
export function svgDocument(width: number, height: number, content: string): Buffer {
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${content}</svg>`);
}

/** Two decimals: short, and the same on every machine whatever its last floating-point digit. */
export function num(value: number): string {
  return String(Math.round(value * 100) / 100);
}

export type Point = readonly [x: number, y: number];
type Fill = Colour | string;

function paint(fill: Fill, opacity: number): string {
  return `fill="${typeof fill === 'string' ? fill : toHex(fill)}"${opacity === 1 ? '' : ` fill-opacity="${num(opacity)}"`}`;
}

export function rect(x: number, y: number, width: number, height: number, fill: Fill, radius = 0, opacity = 1): string {
  const corner = radius === 0 ? '' : ` rx="${num(radius)}"`;
  return `<rect x="${num(x)}" y="${num(y)}" width="${num(width)}" height="${num(height)}"${corner} ${paint(fill, opacity)}/>`;
}

export function circle(x: number, y: number, radius: number, fill: Fill, opacity = 1): string {
  return ellipse(x, y, radius, radius, fill, opacity);
}

export function ellipse(x: number, y: number, rx: number, ry: number, fill: Fill, opacity = 1): string {
  return `<ellipse cx="${num(x)}" cy="${num(y)}" rx="${num(rx)}" ry="${num(ry)}" ${paint(fill, opacity)}/>`;
}

export function polygon(points: readonly Point[], fill: Fill, opacity = 1): string {
  return `<polygon points="${points.map(([x, y]) => `${num(x)},${num(y)}`).join(' ')}" ${paint(fill, opacity)}/>`;
}

export function path(d: string, fill: Fill, opacity = 1): string {
  return `<path d="${d}" ${paint(fill, opacity)}/>`;
}

export function stroke(d: string, colour: Colour, width: number, opacity = 1): string {
  const alpha = opacity === 1 ? '' : ` stroke-opacity="${num(opacity)}"`;
  return `<path d="${d}" fill="none" stroke="${toHex(colour)}" stroke-width="${num(width)}" stroke-linecap="round" stroke-linejoin="round"${alpha}/>`;
}

/** A smooth curve through the middles of the given points, beginning and ending at the first and last. */
export function smooth(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  const parts = [`M${num(first[0])} ${num(first[1])}`];
  for (const [index, [x, y]] of rest.entries()) {
    const following = rest[index + 1];
    const [endX, endY] = following ? [(x + following[0]) / 2, (y + following[1]) / 2] : [x, y];
    parts.push(`Q${num(x)} ${num(y)} ${num(endX)} ${num(endY)}`);
  }
  return parts.join('');
}

/** Points of a regular polygon or, with an inner radius, a star; the first points up. */
export function corners(x: number, y: number, radius: number, count: number, inner?: number): Point[] {
  const steps = inner === undefined ? count : count * 2;
  return Array.from({ length: steps }, (_, index): Point => {
    const angle = (index / steps) * 2 * Math.PI - Math.PI / 2;
    const r = inner !== undefined && index % 2 === 1 ? inner : radius;
    return [x + r * Math.cos(angle), y + r * Math.sin(angle)];
  });
}
