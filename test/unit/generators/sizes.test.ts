import { describe, expect, it } from '@jest/globals';
import { mapSize, type SizeRule } from '../../../src/generators/sizes.js';

const free: SizeRule = { by: 'pixels', step: 16, minEdge: 64, maxEdge: 2048, maxPixels: 2_000_000, maxRatio: 3 };
const list: SizeRule = { by: 'list', sizes: ['1024x1024', '1536x1024', '1024x1536'] };
const ratios: SizeRule = {
  by: 'ratio',
  ratios: ['1:1', '16:9', '2:3'],
  resolutions: [
    { name: '1K', pixels: 1024 ** 2 },
    { name: '2K', pixels: 2048 ** 2 },
  ],
};

describe('our size in the terms of a provider', () => {
  it.each<[string, Parameters<typeof mapSize>[0], SizeRule, ReturnType<typeof mapSize>]>([
    ['a word goes through', { size: 'auto' }, list, { word: 'auto' }],
    ['a ratio that is a word goes through', { aspect_ratio: 'wide' }, ratios, { word: 'wide' }],
    ['nothing asked', {}, ratios, {}],
    ['any', { size: '1000x600' }, { by: 'any' }, { width: 1000, height: 600 }],
    ['pixels that fit', { size: '1024x768' }, free, { width: 1024, height: 768 }],
    ['pixels between two steps', { size: '1000x600' }, free, { width: 1008, height: 608, differs: '1000x600 becomes 1008x608' }],
    ['pixels that are too many', { size: '4096x4096' }, free, { width: 1408, height: 1408, differs: '4096x4096 becomes 1408x1408' }],
    ['pixels that are too few keep their shape', { size: '300x200' }, { ...free, minEdge: 512 }, { width: 768, height: 512, differs: '300x200 becomes 768x512' }],
    ['pixels that are too few', { size: '300x200' }, { ...free, minPixels: 600_000 }, { width: 944, height: 640, differs: '300x200 becomes 944x640' }],
    ['pixels that rounding makes too few', { size: '815x806' }, { ...free, minPixels: 655_360 }, { width: 816, height: 816, differs: '815x806 becomes 816x816' }],
    ['a shape that rounding makes too long', { size: '1403x468' }, free, { width: 1408, height: 480, differs: '1403x468 becomes 1408x480' }],
    ['a shape that is too long', { size: '2048x256' }, free, { width: 768, height: 256, differs: '2048x256 becomes 768x256' }],
    ['a ratio in pixels', { aspect_ratio: '16:9' }, free, { width: 1360, height: 768 }],
    ['a size of the list', { size: '1536x1024' }, list, { width: 1536, height: 1024 }],
    ['a size that is not', { size: '1920x1080' }, list, { width: 1536, height: 1024, differs: '1920x1080 becomes 1536x1024' }],
    ['a ratio of the list', { aspect_ratio: '2:3' }, list, { width: 1024, height: 1536 }],
    ['a ratio that is not', { aspect_ratio: '9:16' }, list, { width: 1024, height: 1536, differs: 'the aspect ratio becomes 1024x1536' }],
    ['a known ratio', { aspect_ratio: '16:9' }, ratios, { ratio: '16:9', resolution: '1K' }],
    ['pixels of a known ratio', { size: '1024x1024' }, ratios, { ratio: '1:1', resolution: '1K' }],
    ['large pixels', { size: '2048x2048' }, ratios, { ratio: '1:1', resolution: '2K' }],
    ['small pixels', { size: '512x512' }, ratios, { ratio: '1:1', resolution: '1K', differs: '512x512 is only approximate' }],
    ['pixels of another shape', { size: '1200x800' }, ratios, { ratio: '16:9', resolution: '1K', differs: 'the shape becomes 16:9' }],
  ])('%s', (_name, asked, rule, offered) => {
    expect(mapSize(asked, rule)).toEqual(offered);
  });
});
